"""The workshop behind the notebooks of "Why ReLU?".

Each room is a module of its own, imported where it is used: `from course_utils import data, plots`.
Importing the package alone loads nothing, so the first cell of a notebook is instant.
"""

__version__ = "0.1.0"
