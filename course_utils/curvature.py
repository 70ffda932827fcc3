"""Curvature: the largest eigenvalue of the loss's Hessian, and the learning rate above which a step overshoots.

Along a direction in which the loss is a parabola of curvature c, gradient descent with momentum m comes to rest for
rates below 2 (1 + m) / c and swings ever wider above (Polyak, 1964); so the largest curvature sets the highest rate.
That holds of a parabola, and for the loss of a network only as long as its curvature stays what it was when measured.

N networks, P parameters each. The loss is the mean cross-entropy over the given examples, in nats.
"""

import torch
from torch import Tensor

from course_utils import checks, machine, training
from course_utils.networks import Networks

__all__ = ["highest_rate", "largest"]

_SMALLEST = 1e-30  # a Krylov vector shorter than this is nothing but rounding


def largest(networks: Networks, images: Tensor, labels: Tensor, rounds: int = 20, seed: int = 0) -> Tensor:
    """The largest eigenvalue of the Hessian by all parameters, of every network: [N], float64.

    Lanczos's method with ``rounds`` products of the Hessian and a vector, each made by differentiating twice, for all
    networks at once; every new vector is kept orthogonal to all before it. The result never lies above the true value
    and comes near it from below: with 20 rounds to within a hundredth for the networks of this course. A network whose
    numbers are not finite has NaN. Batch norm uses the mean and variance of these images; the running ones stay.

    Args:
        networks: as they stand; nothing of them changes.
        images: [B, inputs]. labels: [B], whole numbers.
        rounds: at least 1; default 20.
        seed: of the vector that the method starts with.

    Raises:
        ValueError: rounds below 1, a seed below 0, and as Networks.trace.
    """
    checks.whole("rounds", rounds)
    generator = torch.Generator().manual_seed(checks.seed("seed", seed))
    parameters = list(networks.parameters.values())
    running = networks.running_mean.clone(), networks.running_var.clone()
    with machine.threads(1):
        outputs = networks(images, training=networks.normalised)
        loss = training._cross_entropy(outputs, labels.expand(len(networks), -1)).mean(1).sum()
        slopes = torch.autograd.grad(loss, parameters, create_graph=True, materialize_grads=True)
        flat = _flat(networks, slopes)
        start = torch.randn(flat.shape, generator=generator, dtype=flat.dtype, device="cpu").to(flat.device)
        basis = [start / start.norm(dim=1, keepdim=True)]
        diagonal, beside = [], []
        for _ in range(rounds):
            # The networks share no parameter: one product of the sum's Hessian holds that of each.
            turned = torch.autograd.grad(
                (flat * basis[-1]).sum(), parameters, retain_graph=True, materialize_grads=True
            )
            new = _flat(networks, turned)
            diagonal.append((new * basis[-1]).sum(1))
            for _twice in range(2):  # once leaves what float32 rounds
                for old in basis:
                    new = new - (new * old).sum(1, keepdim=True) * old
            size = new.norm(dim=1, keepdim=True)
            beside.append(size.squeeze(1))
            basis.append(new / size.clamp(min=_SMALLEST))
    for kept, before in zip((networks.running_mean, networks.running_var), running, strict=True):
        kept.copy_(before)
    middle, below = torch.stack(diagonal, 1).double(), torch.stack(beside, 1).double()[:, :-1]
    small = torch.diag_embed(middle) + torch.diag_embed(below, -1)  # symmetric: eigvalsh reads the lower half
    sound = small.isfinite().flatten(1).all(1)
    found: Tensor = torch.linalg.eigvalsh(small.where(sound.view(-1, 1, 1), 0.0))[:, -1]
    return found.where(sound, torch.nan).detach().cpu()


def highest_rate(curvature: Tensor, momentum: float = training.MOMENTUM) -> Tensor:
    """2 (1 + momentum) / curvature: the rate above which SGD on a parabola of this curvature swings ever wider.

    Infinity where the curvature is 0 or below. ValueError for a momentum outside 0 <= momentum < 1.
    """
    checks.number("momentum", momentum, 0, below=1)
    highest: Tensor = 2 * (1 + momentum) / curvature.clamp(min=0)
    return highest


def _flat(networks: Networks, tensors: tuple[Tensor, ...]) -> Tensor:
    """Tensors in the order and shapes of Networks.parameters, as one row for each network: [N, P]."""
    rows = []
    for name, tensor in zip(networks.parameters, tensors, strict=True):
        by_network = tensor if name.startswith("last") else tensor.transpose(0, 1)
        rows.append(by_network.reshape(len(networks), -1))
    return torch.cat(rows, 1)
