"""`Fusion`: several backbones as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

HOWS = ("concat", "gated", "attention")


@dataclass(frozen=True)
class Fusion:
    """Several backbones side by side, a value that goes wherever a model goes.

    Members for images see the same image, each in its own scaling. Members of several modalities, or a task that names
    several columns of inputs, make a model of examples of several inputs: each member reads the columns of its
    modality, with weights of its own for each column. Any input of an example may be missing; in training some are left
    out at random (modality dropout, arXiv:1501.00102), so that such examples are answered too, and the result says what
    is reached without each. `kzoo.Adapted.evaluate` measures it with ``without=``. Numbers of rows stand beside the
    features of a member that has no weights yet.

    Names of groups begin with that of the member, as in
    ``mobilenet_v2_035/stage4``; the second of two equal members is ``NAME_2``. ``"last:2"`` means the two highest
    stages of each. Outputs of frozen layers are cached for each member, so another fusion computes only those of
    new members.

    Args:
        members: models, as `kzoo.adapt` takes them; one of them for several inputs of its modality.
        how: ``"concat"``: their embeddings side by side; ``"gated"``: the sum of their projections, each weighted by a
            gate that looks at all of them (arXiv:1702.01992); ``"attention"``: the mean of their projections, after
            these have attended to each other (arXiv:1706.03762). The last two have weights of their own, the group
            ``fusion``.

    Example:
        >>> import kzoo
        >>> houses = kzoo.Regression("houses.csv", image="photo", row=["beds", "area"], label="price")
        >>> model = kzoo.Fusion(["mobilenet_v2_035", "row_mlp"])  # kzoo.adapt(model, houses)
        >>> kzoo.Fusion(["mobilenet_v2_035", "efficientnet_v2_b0"]).how
        'concat'
    """

    members: Sequence[object]
    how: str = "concat"

    def __post_init__(self) -> None:
        if isinstance(self.members, str) or len(self.members) < 1:
            raise ValueError(f"A fusion needs a list of models. Got {self.members!r}.")
        if self.how not in HOWS:
            raise ValueError(f"how must be one of {', '.join(HOWS)}. Got {self.how!r}.")
        object.__setattr__(self, "members", tuple(self.members))
