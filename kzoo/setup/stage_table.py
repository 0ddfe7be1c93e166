"""`stages`: the groups of a backbone, as a table."""

from __future__ import annotations

from kzoo.core.graph.costs import flops
from kzoo.core.tables import Table
from kzoo.data.modalities import shape_of
from kzoo.setup.arguments import as_size
from kzoo.setup.model_source import ModelLike, source_of


def stages(model: ModelLike, *, size: int | None = None) -> Table:
    """The groups of a backbone that schedules speak of, besides ``head``.

    Args:
        model: a name, a card, a ``keras.Model`` or a path, as for `kzoo.adapt`.
        size: height and width of the images, pixels; or length, in tokens or samples. None: the card's native size.

    Returns:
        One row a stage: layers, parameters, share of the multiply-adds, and the shape that enters it.
    """
    source = source_of(model, weights=None)
    side = as_size(size) or source.card.size
    shape = shape_of(source.card, side, channels=source.channels)
    backbone = source.build(shape)
    found = source.stages(backbone)
    costs = [sum(flops(layer) for layer in stage.layers) for stage in found]
    rows = []
    for stage, cost in zip(found, costs, strict=True):
        shapes = " + ".join("x".join(map(str, tensor.shape[1:])) for tensor in stage.cut)
        share = f"{100 * cost / sum(costs):.0f}%" if sum(costs) else ""
        rows.append((stage.name, len(stage.layers), stage.parameters, share, shapes))
    title = f"{source.card.name} at {' x '.join(map(str, shape))}: {sum(costs) / 1e9:.2f} GFLOPs"
    return Table(("stage", "layers", "parameters", "FLOPs", "enters"), rows, title=title)
