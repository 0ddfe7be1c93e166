"""The verbs from a shell: ``kzoo list | show | plan | adapt | pretrain | distill | evaluate | predict | ...``."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import kzoo
from kzoo.cli.exit_codes import EXITS, FAILED, INTERRUPTED, OK, USAGE, tell
from kzoo.core.storage import target_of
from kzoo.core.tf_import import import_tensorflow
from kzoo.results.verify import Verified, check


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: without the program's name; None: those of the process.

    Returns:
        The exit code: one of `EXITS`; argparse itself exits with 2 where the command is not understood.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help()
        return USAGE
    if not options.debug:
        warnings.simplefilter("ignore", category=UserWarning)
    try:
        if options.command not in ("list", "verify", "cache"):
            import_tensorflow()
        return options.run(options) or OK
    except KeyboardInterrupt:
        print(f"kzoo {options.command}: interrupted; nothing half-written was left", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        return tell(error, command=options.command, debug=options.debug)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kzoo",
        description="Transfer learning for Keras.",
        epilog=EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--debug", action="store_true", help="show tracebacks and warnings")
    parser.add_argument("--version", action="version", version=f"kzoo {kzoo.__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    listing = _command(commands, "list", _list, "List the models whose name matches.")
    listing.add_argument("pattern", nargs="?", default="*", help="shell wildcards, as 'mobilenet*'")
    listing.add_argument("--modality", help="only those of one modality")
    listing.add_argument("--pretrained", action="store_true", help="only those with published weights")

    show = _command(commands, "show", _show, "Show a model's card and its stages.")
    show.add_argument("model", help="name of a model")

    planning = _command(commands, "plan", _plan, "Say what 'adapt' would do, without training.")
    _add_training(planning)

    adapting = _command(commands, "adapt", _adapt, "Train a model on your data, and test it.")
    _add_training(adapting)
    adapting.add_argument("--profile", metavar="DIR", help="write a trace of the training there, for TensorBoard")
    adapting.add_argument("--save", metavar="DIR", help="keep the model there, for 'kzoo evaluate' and the like")
    adapting.add_argument("--export", metavar="DIR", help="write a SavedModel to DIR/<version>/")

    pretraining = _command(commands, "pretrain", _pretrain, "Train a backbone on data without labels.")
    pretraining.add_argument("model", help="name of a model, or path of a .keras or weight file")
    pretraining.add_argument("data", help="folder of any depth, .csv, .tsv, .txt, .tfrecord, or tfds:NAME")
    pretraining.add_argument("--objective", required=True, help="simclr, barlow_twins, masked, autoencoder, gan, ...")
    pretraining.add_argument("--save", metavar="DIR", required=True, help="keep the backbone there, for 'kzoo adapt'")
    pretraining.add_argument("--directory", metavar="DIR", help="keep checkpoints there, and go on from the last one")
    pretraining.add_argument("--probe", metavar="DATA", help="small labelled data, to see whether it gets anywhere")
    pretraining.add_argument("--steps", type=int, default=1_000)
    pretraining.add_argument("--batch-size", type=int, default=64)
    pretraining.add_argument("--weights", default="none", help="imagenet, none, or a path, to begin with")
    pretraining.add_argument("--size", type=int, help="of the pictures, pixels; of texts, tokens; of sound, samples")
    pretraining.add_argument("--seed", type=int, default=0)

    distilling = _command(commands, "distill", _distill, "Teach a small model what a saved one knows.")
    distilling.add_argument("saved", help="directory of a saved model, the teacher")
    distilling.add_argument("student", help="name of a model, or path of a .keras or weight file")
    distilling.add_argument("data", nargs="?", help="unlabelled data; without it, the teacher's own")
    distilling.add_argument("--what", choices=["logits", "features", "both"], default="logits")
    distilling.add_argument("--save", metavar="DIR", required=True, help="keep the student there")
    distilling.add_argument("--weights", default="auto", help="of the student: imagenet, none, or a path")
    distilling.add_argument("--size", type=int, help="of the student's input")
    distilling.add_argument("--seed", type=int, default=0)

    evaluating = _command(commands, "evaluate", _evaluate, "Measure a saved model on its test split or on other data.")
    evaluating.add_argument("saved", help="directory of a saved model")
    evaluating.add_argument("data", nargs="?", help="labelled data; without it, the test split")

    predicting = _command(commands, "predict", _predict, "Answer for pictures, texts or recordings.")
    predicting.add_argument("saved", help="directory of a saved model")
    predicting.add_argument("pictures", nargs="+", help="paths of pictures or recordings, or one folder; or texts")

    exporting = _command(commands, "export", _export, "Write a saved model as a SavedModel for serving.")
    exporting.add_argument("saved", help="directory of a saved model")
    exporting.add_argument("directory", help="the version appears as DIRECTORY/<version>/")

    verifying = _command(commands, "verify", _verify, "Check what kzoo wrote against its checksums.")
    verifying.add_argument("directory", help="a saved model, a checkpoint, an exported version, or several in a folder")

    cache = _command(
        commands, "cache", _cache, "Show the activations that are kept for the next training, or clear them."
    )
    cache.add_argument("--clear", action="store_true", help="remove them all")

    demo = _command(commands, "demo", _demo, "The main job in a minute, offline, on what comes with kzoo.")
    demo.add_argument("--directory", metavar="DIR", help="keep the exported model there")
    return parser


def _command(commands: Any, name: str, run: Any, text: str) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name, help=text, description=text, epilog=EXITS, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_argument("--json", action="store_true", help="print JSON for scripts")
    # Without a default of its own, which would overwrite what stands before the command.
    command.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks and warnings")
    command.set_defaults(run=run)
    return command


def _add_training(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", help="name of a model, or path of a .keras or weight file")
    command.add_argument("data", help="folder, .csv, .tsv, .jsonl, .parquet, .tfrecord, or tfds:NAME")
    command.add_argument("--task", choices=["classification", "multi-label", "regression"], default="classification")
    command.add_argument("--image", help="column of the pictures")
    command.add_argument("--text", help="column of the texts")
    command.add_argument("--audio", nargs="?", const=True, help="the data are recordings; or their column")
    command.add_argument("--groups", help="column of what stays on one side of a split, as a speaker")
    command.add_argument("--label", action="append", help="column of the target; several times for several")
    command.add_argument("--schedule", default="auto", help="auto, linear_probe, fine_tune, gradual or lp_ft")
    command.add_argument("--augmentation", choices=["none", "light", "medium", "strong"])
    command.add_argument("--weights", default="auto", help="imagenet, none, or a path")
    command.add_argument("--size", type=int, help="of the pictures, pixels; of texts, tokens; of sound, samples")
    command.add_argument("--resize", choices=["crop", "pad", "squash"], help="of images; without it, crop")
    command.add_argument(
        "--scaling", choices=["none", "unit", "tf", "torch", "caffe"], help="of a .keras file's pixels"
    )
    command.add_argument("--class-weight", choices=["balanced"], help="weigh classes by inverse frequency")
    command.add_argument("--strategy", choices=["auto", "one", "mirrored"], default="auto")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--strict", action="store_true", help="fail on dirty data instead of setting it aside")


def _list(options: argparse.Namespace) -> None:
    names = kzoo.list_models(options.pattern, modality=options.modality, pretrained=options.pretrained)
    cards = [dataclasses.asdict(kzoo.get_card(name)) for name in names]
    _print(options, names, cards)


def _show(options: argparse.Namespace) -> None:
    card = kzoo.get_card(options.model)
    values = dataclasses.asdict(card)
    lines = [str(card), *(f"weights at {file.size} pixels: {file.name}" for file in card.weights)]
    _print(options, "\n".join(lines) if options.json else "\n".join([*lines, "", str(kzoo.stages(card))]), values)


def _plan(options: argparse.Namespace) -> None:
    plan = kzoo.plan(options.model, _task(options), **_training(options))
    _print(options, plan, plan.as_dict())


def _adapt(options: argparse.Namespace) -> None:
    from kzoo.results.saving import refuse_foreign

    # What could not be written should be known before hours of training, not after.
    if options.save is not None:
        refuse_foreign(options.save)
    if options.export is not None:
        target_of(options.export, verb="export").mkdir(parents=True, exist_ok=True)
    adapted = kzoo.adapt(options.model, _task(options), profile=options.profile, **_training(options))
    evaluation = adapted.evaluate()
    if not options.json:
        print(f"{adapted}\n\nTest split, which chose nothing:\n{evaluation}", flush=True)
    values = _shown(adapted.record)
    lines = []
    if options.save:
        values["saved"] = str(adapted.save(options.save))
        lines.append(f"Saved to {options.save}")
    if options.export:
        values["exported"] = str(adapted.export(options.export))
        lines.append(f"Exported to {values['exported']}")
    _print(options, "\n".join(lines), values)


def _pretrain(options: argparse.Namespace) -> None:
    from kzoo.results.saving import refuse_foreign

    refuse_foreign(options.save)
    made = kzoo.pretrain(
        options.model,
        options.data,
        objective=options.objective,
        steps=options.steps,
        batch_size=options.batch_size,
        probe=options.probe,
        directory=options.directory,
        weights=None if options.weights == "none" else options.weights,
        size=options.size,
        seed=options.seed,
    )
    _print(options, f"{made}\n\nSaved to {made.save(options.save)}", _shown(made.record))


def _distill(options: argparse.Namespace) -> None:
    from kzoo.results.saving import refuse_foreign

    refuse_foreign(options.save)
    student = kzoo.distill(
        _saved(options),
        options.student,
        options.data,
        what=options.what,
        weights=None if options.weights == "none" else options.weights,
        size=options.size,
        seed=options.seed,
    )
    values = _shown(student.record)
    _print(options, f"{student}\n\nSaved to {student.save(options.save)}", values)


def _evaluate(options: argparse.Namespace) -> None:
    evaluation = _saved(options).evaluate(options.data)
    _print(options, evaluation, evaluation.as_dict())


def _predict(options: argparse.Namespace) -> None:
    pictures = options.pictures[0] if len(options.pictures) == 1 else options.pictures
    found = _saved(options).predict(pictures)
    rows = [
        {
            found.noun: name,
            "label": label,
            "outputs": None if label is None else dict(zip(found.columns, map(float, row), strict=True)),
            "error": found.errors.get(name),
        }
        for name, label, row in zip(found.names, found.labels, found.outputs, strict=True)
    ]
    _print(options, found, rows)
    if len(found.errors) == len(found):
        raise ValueError("no picture could be read")


def _export(options: argparse.Namespace) -> None:
    path = _saved(options).export(options.directory)
    _print(options, f"Exported to {path}", {"exported": str(path)})


def _verify(options: argparse.Namespace) -> int:
    found = check(options.directory)
    lines = [f"{'DAMAGED' if each.damage else 'ok':8}{each.directory}: {each.damage or _whole(each)}" for each in found]
    _print(options, "\n".join(lines), [dataclasses.asdict(each) for each in found])
    return FAILED if any(each.damage for each in found) else OK


def _whole(found: Verified) -> str:
    return f"{found.kind}, {found.files} files, {found.bytes / 1e6:,.1f} MB"


def _demo(options: argparse.Namespace) -> None:
    from kzoo.demo import demo

    result = demo(options.directory)
    _print(options, result, result.as_dict())


def _cache(options: argparse.Namespace) -> None:
    from kzoo.training.cache import disk

    if options.clear:
        removed, used = disk.sweep(most=0), disk.held()
        line = f"Removed {removed / 1e6:,.0f} MB from {disk.folder()}"
        line += f"; {used / 1e6:,.0f} MB stay, which other processes use" if used else ""
        _print(options, line, {"removed": removed, "in_use": used})
        return
    table = disk.table()
    _print(options, table, [dict(zip(table.columns, row, strict=True)) for row in table.rows])


def _saved(options: argparse.Namespace) -> kzoo.Adapted:
    """The model of a saved folder, which must have a head."""
    found = kzoo.load(options.saved)
    if not isinstance(found, kzoo.Adapted):
        raise ValueError(
            f"{options.saved} holds a backbone without a head: train one with kzoo adapt {options.saved} DATA"
        )
    return found


def _task(options: argparse.Namespace) -> Any:
    kinds = {"classification": kzoo.Classification, "multi-label": kzoo.MultiLabel, "regression": kzoo.Regression}
    label = options.label[0] if options.label and len(options.label) == 1 else options.label
    columns = {name: getattr(options, name) for name in ("image", "text", "audio", "groups")}
    return kinds[options.task](options.data, label=label, strict=options.strict, **columns)


def _training(options: argparse.Namespace) -> dict[str, Any]:
    weights = None if options.weights.lower() == "none" else options.weights
    names = ("schedule", "augmentation", "size", "resize", "scaling", "class_weight", "strategy", "seed")
    return {"weights": weights, **{name: getattr(options, name) for name in names}}


def _shown(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record without the digests of what was seen."""
    return {name: value for name, value in record.items() if name not in ("seen", "seen_before")}


def _print(options: argparse.Namespace, shown: Any, values: Any) -> None:
    print(json.dumps(values, indent=2, ensure_ascii=False) if options.json else shown)


if __name__ == "__main__":
    sys.exit(main())
