"""The commands: each calls a verb with the options of the shell, and prints what came out."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys

import kzoo
from kzoo.cli.adapter_option import with_adapter
from kzoo.cli.exit_codes import FAILED, INTERRUPTED, OK, PARTIAL
from kzoo.cli.saved_models import load_saved
from kzoo.cli.shell_values import task_of, tasks_of, weights_of
from kzoo.core.storage import target_of
from kzoo.results.files.verify import Verified, check
from kzoo.specs.checked_json import Fields
from kzoo.specs.records.pretrained_record import PretrainedRecord
from kzoo.specs.records.run_record import RunRecord

TRAINING = (
    *("schedule", "epochs", "batch_size", "learning_rate", "optimizer", "monitor", "augmentation", "head", "size"),
    *("resize", "scaling", "remember", "class_weight", "strategy", "seed"),
)
"""Options that `kzoo.plan` and `kzoo.adapt` take as they are."""


def run_list(options: argparse.Namespace) -> None:
    """``kzoo list``."""
    names = kzoo.list_models(options.pattern, modality=options.modality, pretrained=options.pretrained)
    cards = [dataclasses.asdict(kzoo.get_card(name)) for name in names]
    _print(options, names, cards)


def run_show(options: argparse.Namespace) -> None:
    """``kzoo show``."""
    card = kzoo.get_card(options.model)
    values = dataclasses.asdict(card)
    lines = [str(card), *(f"weights at {file.size} pixels: {file.name}" for file in card.weights)]
    _print(options, "\n".join(lines) if options.json else "\n".join([*lines, "", str(kzoo.stages(card))]), values)


def run_doctor(options: argparse.Namespace) -> int:
    """``kzoo doctor``: its code says whether something serious was found, or with ``--strict`` anything."""
    found = kzoo.doctor(task_of(options))
    lines = [str(found)]
    if options.fix:
        count = sum(len(each.names) for each in found.findings)
        path = found.write_list(options.fix)
        lines.append(f"Wrote {count:,} line{'' if count == 1 else 's'} to {path}. The data was not touched.")
    _print(options, "\n".join(lines), found.as_dict())
    if options.strict and found.findings:
        count = len(found.findings)
        raise ValueError(f"{count:,} finding{'' if count == 1 else 's'}; with --strict there must be none.")
    return FAILED if found.serious else OK


def run_rank(options: argparse.Namespace) -> None:
    """``kzoo rank``."""
    ranking = kzoo.rank(
        task_of(options), options.model, budget=options.budget, strict=options.strict, seed=options.seed
    )
    _print(options, ranking, ranking.as_dict())


def run_plan(options: argparse.Namespace) -> None:
    """``kzoo plan``."""
    plan = kzoo.plan(options.model, tasks_of(options), **_training(options))
    _print(options, plan, plan.as_dict())


def run_adapt(options: argparse.Namespace) -> int:
    """``kzoo adapt``."""
    from kzoo.results.files.saving import refuse_foreign

    # Errors of writing should appear before hours of training, not after.
    if options.save is not None:
        refuse_foreign(options.save)
    if options.export is not None:
        target_of(options.export, verb="export").mkdir(parents=True, exist_ok=True)
    if options.save is None and options.export is None:
        print(
            "kzoo adapt: the trained model will not be saved. To save it, add --save DIR.", file=sys.stderr, flush=True
        )
    own = {"profile": options.profile, "directory": options.directory}
    adapted = kzoo.adapt(options.model, tasks_of(options), **own, **_training(options))
    if not options.json:
        measured = "Not measured: there is no test set."
        if adapted.record.test:
            measured = f"Test set (not used for training or model selection):\n{adapted.evaluate()}"
        print(f"{adapted}\n\n{measured}", flush=True)
    values = _shown(adapted.record)
    lines = []
    if options.save:
        values["saved"] = str(adapted.save(options.save))
        lines.append(f"Saved to {options.save}")
    if options.export:
        values["exported"] = str(adapted.export(options.export))
        lines.append(f"Exported to {values['exported']}")
    _print(options, "\n".join(lines), values)
    return _code(adapted.record)


def run_pretrain(options: argparse.Namespace) -> int:
    """``kzoo pretrain``."""
    from kzoo.results.files.saving import refuse_foreign

    refuse_foreign(options.save)
    made = kzoo.pretrain(
        options.model,
        options.data,
        objective=options.objective,
        steps=options.steps,
        batch_size=options.batch_size,
        probe=options.probe,
        checkpoint_dir=options.checkpoint_dir,
        eval_every=options.eval_every,
        weights=weights_of(options),
        size=options.size,
        seed=options.seed,
    )
    _print(options, f"{made}\n\nSaved to {made.save(options.save)}", _shown(made.record))
    return _code(made.record)


def run_distill(options: argparse.Namespace) -> int:
    """``kzoo distill``."""
    from kzoo.results.files.saving import refuse_foreign

    refuse_foreign(options.save)
    student = kzoo.distill(
        load_saved(options.saved),
        options.student,
        options.data,
        target=options.target,
        temperature=options.temperature,
        alpha=options.alpha,
        weights=weights_of(options),
        size=options.size,
        directory=options.directory,
        seed=options.seed,
    )
    _print(options, f"{student}\n\nSaved to {student.save(options.save)}", _shown(student.record))
    return _code(student.record)


def run_evaluate(options: argparse.Namespace) -> None:
    """``kzoo evaluate``."""
    evaluation = load_saved(options.saved).evaluate(options.data)
    _print(options, evaluation, evaluation.as_dict())


def run_report(options: argparse.Namespace) -> None:
    """``kzoo report``."""
    report = load_saved(options.saved).report(options.out, data=options.data)
    _print(options, f"{report}\nWritten to {options.out}", {**report.as_dict(), "written": options.out})


def run_predict(options: argparse.Namespace) -> int:
    """``kzoo predict``: its code says whether all, some or no inputs could be read."""
    inputs = options.inputs[0] if len(options.inputs) == 1 else options.inputs
    found = load_saved(options.saved).predict(inputs)
    rows = [
        {
            found.noun: each.name,
            "label": each.label,
            "outputs": None if each.error else dict(each.outputs),
            "error": each.error,
        }
        for each in found
    ]
    _print(options, found, rows)
    failed = sum(each.error is not None for each in found)
    if failed == len(found):
        raise ValueError(f"No {found.noun} could be read. The column 'error' says why.")
    if failed:
        print(f"kzoo predict: {failed} of {len(found)} {found.noun}s could not be read", file=sys.stderr)
    return PARTIAL if failed else OK


def run_export(options: argparse.Namespace) -> None:
    """``kzoo export``."""
    saved = load_saved(options.saved)
    if options.accuracy is not None or options.novelty:
        saved = saved.with_limits(accuracy=options.accuracy, novelty=options.novelty)
    path = saved.export(
        options.directory, format=options.format, quantize=options.quantize, tolerance=options.tolerance
    )
    _print(options, f"Exported to {path}", {"exported": str(path)})


def run_verify(options: argparse.Namespace) -> int:
    """``kzoo verify``."""
    found = check(options.directory)
    lines = [f"{'DAMAGED' if each.damage else 'ok':8}{each.directory}: {each.damage or _whole(each)}" for each in found]
    _print(options, "\n".join(lines), [dataclasses.asdict(each) for each in found])
    return FAILED if any(each.damage for each in found) else OK


def _whole(found: Verified) -> str:
    return f"{found.kind}, {found.files} files, {found.bytes / 1e6:,.1f} MB"


def run_cache(options: argparse.Namespace) -> None:
    """``kzoo cache``."""
    from kzoo.training.cache import disk

    if options.clear:
        removed, used = disk.sweep(most=0), disk.used()
        line = f"Removed {removed / 1e6:,.0f} MB from {disk.folder()}"
        line += f"; {used / 1e6:,.0f} MB are in use by other processes and stay" if used else ""
        _print(options, line, {"removed": removed, "in_use": used})
        return
    table = disk.table()
    _print(options, table, [dict(zip(table.columns, row, strict=True)) for row in table.rows])


def run_demo(options: argparse.Namespace) -> None:
    """``kzoo demo``."""
    from kzoo.demo import demo

    result = demo(options.directory)
    _print(options, result, result.as_dict())


def _training(options: argparse.Namespace) -> Fields:
    values = {name: getattr(options, name) for name in TRAINING}
    return values | {"weights": weights_of(options), "schedule": with_adapter(options.schedule, options.adapter)}


def _code(record: RunRecord | PretrainedRecord) -> int:
    """The exit code of a run. After Ctrl-C the best weights so far were kept, but scripts see the interruption."""
    return INTERRUPTED if record.stopped else OK


def _shown(record: RunRecord | PretrainedRecord) -> Fields:
    """A record without the digests of what was seen."""
    return {name: value for name, value in record.as_plain().items() if name not in ("seen", "seen_before")}


def _print(options: argparse.Namespace, shown: object, values: object) -> None:
    print(json.dumps(values, indent=2, ensure_ascii=False) if options.json else shown)
