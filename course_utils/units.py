"""Units: how often each unit of a network is on, over a whole data set; zeros, dead units, dead layers.

A unit is *off* for an example when its activation h is exactly 0, and *dead* when it is off for every example
of the data. Only activations with an exact zero (ReLU) have such units; "low" counts z <= 0, which any
activation has. N networks, depth hidden layers, width units each.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from course_utils import machine
from course_utils.networks import Networks

_VALUES_AT_ONCE = 2**22  # of one layer of all networks: 16 MB in float32


@dataclass(frozen=True)
class Firing:
    """How often each unit was on; float64 shares between 0 and 1.

    Attributes:
        on: [N, depth, width], share of the examples for which h is not exactly 0. NaN in a broken network.
        positive: [N, depth, width], share of the examples for which z > 0. For ReLU the same as ``on``.
        broken: [N], bool: some z was infinite or NaN (a network that diverged); it has no other figures.
    """

    on: Tensor
    positive: Tensor
    broken: Tensor

    @property
    def zeros(self) -> Tensor:
        """Share of the layer's activations, over examples and units, that are exactly 0; [N, depth]."""
        return 1 - self.on.mean(-1)

    @property
    def dead(self) -> Tensor:
        """Units whose h is exactly 0 for every example, [N, depth, width] bool; False in a broken network."""
        return self.on == 0

    @property
    def never_positive(self) -> Tensor:
        """Units with z <= 0 for every example: what would be dead, were it a ReLU; [N, depth, width] bool."""
        return self.positive == 0

    @property
    def always_on(self) -> Tensor:
        """Units with z > 0 for every example, [N, depth, width] bool; False in a broken network."""
        return self.positive == 1

    @property
    def layer_off(self) -> Tensor:
        """Layers in which every unit is dead, [N, depth] bool: no input reaches what comes after."""
        return self.dead.all(-1)

    @property
    def dead_share(self) -> Tensor:
        """Share of dead units in each layer, [N, depth]; NaN in a broken network."""
        return torch.where(self.broken.unsqueeze(1), torch.nan, self.dead.double().mean(-1))


def firing(networks: Networks, images: Tensor, training: bool = False) -> Firing:
    """Run all images through all networks and count for which of them each unit is on.

    Args:
        networks: unchanged.
        images: [count, inputs], at least one, of the networks' dtype and device.
        training: False (default): batch norm uses its running statistics, as a trained network does. True: it
            uses the statistics of all the images at once; right at init, where nothing has run yet.

    Raises:
        ValueError: no image, and as networks.Networks.trace.
    """
    if len(images) == 0:
        raise ValueError("firing needs at least one image, got none")
    networks._check(images, training)
    shape = (len(networks), networks.depth, networks.width)
    on, positive = (
        torch.zeros(shape, dtype=torch.float64, device="cpu"),
        torch.zeros(shape, dtype=torch.float64, device="cpu"),
    )
    broken = torch.zeros(len(networks), dtype=torch.bool, device="cpu")
    chunk = len(images) if training else max(1, _VALUES_AT_ONCE // (len(networks) * networks.width))
    running = networks.running_mean.clone(), networks.running_var.clone()
    with torch.inference_mode(), machine.threads():
        for part in torch.split(images, chunk):
            for layer, (z, h) in enumerate(networks._layers(part, training)):
                on[:, layer] += (h != 0).sum(1).cpu()
                positive[:, layer] += (z > 0).sum(1).cpu()
                broken |= ~torch.stack([z.amin((1, 2)), z.amax((1, 2))]).isfinite().all(0).cpu()
    networks.running_mean.copy_(running[0])
    networks.running_var.copy_(running[1])
    for share in (on, positive):
        share /= len(images)
        share[broken] = torch.nan
    return Firing(on, positive, broken)
