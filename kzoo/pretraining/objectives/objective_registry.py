"""The objectives by name: kzoo's own, and those that a user registers."""

from __future__ import annotations

from kzoo.pretraining.objectives.autoencoder import Autoencoder
from kzoo.pretraining.objectives.barlow_twins import BarlowTwins
from kzoo.pretraining.objectives.gan import Adversarial
from kzoo.pretraining.objectives.masked import Masked
from kzoo.pretraining.objectives.masked_columns import MaskedColumns
from kzoo.pretraining.objectives.masked_language import MaskedLanguage
from kzoo.pretraining.objectives.masked_steps import MaskedSteps
from kzoo.pretraining.objectives.objective import Objective
from kzoo.pretraining.objectives.scarf import Scarf
from kzoo.pretraining.objectives.simclr import SimCLR
from kzoo.pretraining.objectives.supervised import Supervised

OBJECTIVES: dict[str, type[Objective]] = {
    each.name: each
    for each in (
        Supervised,
        Autoencoder,
        Masked,
        SimCLR,
        BarlowTwins,
        Adversarial,
        MaskedLanguage,
        Scarf,
        MaskedColumns,
        MaskedSteps,
    )
}
"""Objectives by name."""


def register_objective(objective: type[Objective]) -> None:
    """Makes ``kzoo.pretrain(..., objective=NAME)`` train for an objective of your own.

    Args:
        objective: a subclass of `kzoo.pretraining.objectives.objective.Objective` with a ``name``, a ``paper`` (an
            address, or ""), and the methods ``ask``, ``network`` and ``loss``.

    Raises:
        TypeError: it is no such class.
        ValueError: the name is missing or taken.

    Example:
        >>> import keras
        >>> class Plain(Supervised):
        ...     name = "plain"
        ...
        ...     def loss(self, wanted, found):
        ...         return keras.losses.categorical_crossentropy(wanted, found, from_logits=True)
        >>> register_objective(Plain)
        >>> OBJECTIVES.pop("plain").name
        'plain'
    """
    if not (isinstance(objective, type) and issubclass(objective, Objective)):
        raise TypeError(f"objective must be a subclass of Objective. Got {objective!r}.")
    name = getattr(objective, "name", None)
    if not isinstance(name, str) or not name:
        raise ValueError(f"{objective.__name__} must have a name, the string that pretrain(objective=) takes.")
    if name in OBJECTIVES:
        raise ValueError(f"An objective named {name!r} is registered already: choose another name.")
    if not hasattr(objective, "paper"):
        objective.paper = ""
    OBJECTIVES[name] = objective


def find_objective(name: str) -> type[Objective]:
    """The objective of a name.

    Raises:
        ValueError: there is none.
    """
    if name not in OBJECTIVES:
        raise ValueError(f"objective must be one of {', '.join(OBJECTIVES)}. Got {name!r}.")
    return OBJECTIVES[name]
