"""An extension of Jupyter's server: one of the course's notebooks that was only read is saved as it was.

JupyterLab notes the kernel's version in every notebook it opens and saves it a little later; git would then show all that
one has looked at as changed. The note says nothing about the course, and is left out when its notebooks are saved.
Installing the course switches this on, by data/jupyter_server.json.
"""

from typing import Any

from course_utils.maintain import bootstrap

__all__ = ["forget_version"]


def forget_version(model: dict[str, Any], **_: object) -> None:
    """Leave the kernel's version out of a notebook of the course that is to be saved."""
    content = model.get("content") if model.get("type") == "notebook" else None
    code = [cell for cell in (content or {}).get("cells", []) if cell["cell_type"] == "code"]
    if content and code and bootstrap.is_bootstrap("".join(code[0]["source"])):
        content["metadata"].get("language_info", {}).pop("version", None)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(app: Any) -> None:
    app.contents_manager.register_pre_save_hook(forget_version)
