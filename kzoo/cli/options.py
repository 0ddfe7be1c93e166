"""The options of all commands."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Sequence
from typing import TypeAlias

import kzoo
from kzoo.cli import commands
from kzoo.cli.adapter_option import adapter_argument
from kzoo.cli.exit_codes import EXITS
from kzoo.cli.shell_values import columns_of, model_of, target_argument
from kzoo.cli.shell_words import number_of
from kzoo.cli.tuning import add_tuning
from kzoo.cli.using import add_using
from kzoo.specs.checked_json import Fields
from kzoo.specs.task import TASKS, WEIGHINGS

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""Result of `argparse.ArgumentParser.add_subparsers`. Its class has no public name (Python 3.11)."""

KEPT = "keep the state of the run there; the same command goes on from it after a kill"
"""The help of ``--directory``."""


def build_parser() -> argparse.ArgumentParser:
    """The parser of ``kzoo``. What it parses has ``run``, the function of the command, and its own ``parser``."""
    parser = argparse.ArgumentParser(
        prog="kzoo",
        description="Transfer learning for Keras.",
        epilog=EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--debug", action="store_true", help="show tracebacks and warnings")
    parser.add_argument("--version", action="version", version=f"kzoo {kzoo.__version__}")
    every = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_catalog(every)
    _add_training(every)
    add_tuning(functools.partial(_command, every), _add_task)
    _add_pretraining(every)
    _add_saved(every)
    add_using(functools.partial(_command, every))
    _add_upkeep(every)
    return parser


def _command(
    every: Commands, name: str, run: Callable[[argparse.Namespace], int | None], text: str
) -> argparse.ArgumentParser:
    command = every.add_parser(
        name, help=text, description=text, epilog=EXITS, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    command.add_argument("--json", action="store_true", help="print JSON for scripts")
    # SUPPRESS: a default here would overwrite a --debug before the command.
    command.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks and warnings")
    command.set_defaults(run=run, parser=command)
    return command


def _add_catalog(every: Commands) -> None:
    listing = _command(every, "list", commands.run_list, "List the models whose name matches.")
    listing.add_argument("pattern", nargs="?", default="*", help="shell wildcards, as 'mobilenet*'")
    listing.add_argument("--modality", help="only those of one modality")
    listing.add_argument("--pretrained", action="store_true", help="only those with published weights")

    show = _command(every, "show", commands.run_show, "Show a model's card and its stages.")
    _add_model(show, "name of a model")


def _add_training(every: Commands) -> None:
    text = "Look for what is wrong with your data: unusable, copied, leaking or odd examples, missing classes."
    examining = _command(every, "doctor", commands.run_doctor, text)
    _add_data(examining)
    text = "write a list of what to do with each example there, as CSV; the data is not touched"
    examining.add_argument("--fix", metavar="FILE", help=text)

    ranking = _command(every, "rank", commands.run_rank, "Rank models on your data, without training them.")
    _add_data(ranking)
    text = "a model, or the folder of a saved one; repeat for several; default: those whose weights are on this machine"
    ranking.add_argument("--model", metavar="MODEL", action="append", type=model_of, help=text)
    ranking.add_argument("--budget", type=float, metavar="SECONDS", help="begin no other model after so long")
    ranking.add_argument("--seed", type=int, default=0, help="of the folds and the bootstrap")

    planning = _command(every, "plan", commands.run_plan, "Show what 'adapt' would do, without training.")
    _add_task(planning)
    _add_targets(planning)
    _add_recipe(planning)

    adapting = _command(every, "adapt", commands.run_adapt, "Adapt a pretrained model to your data, and evaluate it.")
    _add_task(adapting)
    _add_targets(adapting)
    _add_recipe(adapting)
    adapting.add_argument("--profile", metavar="DIR", help="write a trace of the training there, for TensorBoard")
    adapting.add_argument("--directory", metavar="DIR", help=KEPT)
    adapting.add_argument("--save", metavar="DIR", help="keep the model there, for 'kzoo evaluate' and the like")
    adapting.add_argument("--export", metavar="DIR", help="write a SavedModel to DIR/<version>/")


def _add_model(
    command: argparse.ArgumentParser, text: str, name: str = "model", *, read: Callable[[str], object] = str
) -> None:
    model = command.add_argument(name, help=text, type=read)
    model.completer = _complete_models  # type: ignore[attr-defined]  # what argcomplete asks


def _complete_models(prefix: str, **_: object) -> Sequence[str]:
    """Names of models that begin so, for the shell's completion."""
    return kzoo.list_models(f"{prefix}*")


def _add_task(command: argparse.ArgumentParser) -> None:
    text = "name of a model, path of a .keras or weight file, or several of these with + between them: a fusion"
    _add_model(command, text, read=model_of)
    _add_data(command)


def _add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument("data", help="folder, .csv, .tsv, .jsonl, .parquet, .tfrecord, or tfds:NAME")
    command.add_argument("--task", choices=[kind.replace("_", "-") for kind in TASKS], default="classification")
    several = "of several inputs, separated by commas"
    command.add_argument("--image", metavar="COLUMN", type=columns_of, help=f"column of the images; {several}")
    command.add_argument("--text", metavar="COLUMN", type=columns_of, help="column of the texts; likewise")
    text = "the data are recordings, or their column; likewise"
    command.add_argument("--audio", metavar="COLUMN", nargs="?", type=columns_of, const=True, help=text)
    text = "columns of numbers and categories, separated by commas; without names all that are left"
    command.add_argument("--row", metavar="COLUMNS", nargs="?", type=columns_of, const=True, help=text)
    command.add_argument("--label", metavar="COLUMN", action="append", help="column of the target; repeat for several")
    command.add_argument("--groups", metavar="COLUMN", help="column of groups that stay in one split, such as speakers")
    sizes = "a share (0.1), a number of examples (200), 0, or names of groups (ann,bob)"
    command.add_argument("--validation", metavar="SIZE", type=_split_size, default=0.1, help=f"validation: {sizes}")
    command.add_argument("--test", metavar="SIZE", type=_split_size, default=0.1, help="test split: likewise")
    command.add_argument("--split-seed", type=int, default=0, help="decides which example goes to which split")
    command.add_argument("--strict", action="store_true", help="fail on dirty data instead of setting it aside")


def _add_targets(command: argparse.ArgumentParser) -> None:
    text = "one of several tasks on this table: its name, kind and column; repeat for each"
    command.add_argument("--target", metavar="NAME=KIND:COLUMN", type=target_argument, action="append", help=text)
    text = "of several tasks: weigh their losses by their uncertainty, or by gradnorm"
    command.add_argument("--weigh", choices=WEIGHINGS, help=text)


def _add_recipe(command: argparse.ArgumentParser) -> None:
    command.add_argument("--schedule", default="auto", help="auto, linear_probe, fine_tune, gradual or lp_ft")
    text = "lora:RANK, bitfit or l2sp:STRENGTH, in each phase of the schedule that trains more than the head"
    command.add_argument("--adapter", type=adapter_argument, help=text)
    command.add_argument("--epochs", type=int, help="of each phase that takes gradient steps")
    command.add_argument("--batch-size", type=int, help="examples a step, over all replicas")
    command.add_argument("--learning-rate", type=float, help="peak rate of each phase that takes gradient steps")
    command.add_argument("--optimizer", help="adam, adamw, sgd, lion, ...")
    text = "selects by accuracy, balanced_accuracy, macro_f1, auc or loss on validation"
    command.add_argument("--monitor", help=text)
    command.add_argument("--augmentation", choices=["none", "light", "medium", "strong"])
    command.add_argument(
        "--head",
        type=_head,
        metavar="KEY=VALUE,...",
        help="as hidden=256,dropout=0.3, or svm, knn, best...; see kzoo.Head",
    )
    command.add_argument("--weights", default="auto", help="imagenet, none, or a path")
    command.add_argument("--size", type=int, help="of images, pixels; of texts, tokens; of recordings, samples")
    command.add_argument("--resize", choices=["crop", "pad", "squash"], help="of images; without it, crop")
    command.add_argument(
        "--scaling", choices=["none", "unit", "tf", "torch", "caffe"], help="of a .keras file's pixels"
    )
    text = "of a saved model: keep its heads, and lessen forgetting by its outputs, by earlier examples, or both"
    command.add_argument("--remember", choices=["heads", "outputs", "examples", "both"], help=text)
    command.add_argument("--class-weight", choices=["balanced"], help="weigh classes by inverse frequency")
    command.add_argument("--strategy", choices=["auto", "one", "mirrored"], default="auto")
    command.add_argument("--seed", type=int, default=0, help="of the head, the order of examples and augmentation")


def _split_size(text: str) -> int | float | list[str]:
    """A share, a number of examples, or names of groups."""
    number = number_of(text)
    return [name.strip() for name in text.split(",") if name.strip()] if number is None else number


def _head(text: str) -> kzoo.Head:
    """A head, of its fields as ``key=value,key=value``, or of a kind by its name."""
    values: Fields = {} if "=" in text else {"kind": text.strip()}
    for part in text.split(",") if not values else []:
        name, _, value = (word.strip() for word in part.partition("="))
        number = number_of(value)
        values[name] = value if number is None else number
    known = kzoo.Head.__dataclass_fields__
    unknown = [name for name in values if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"a head has no option {unknown[0]!r}. The options are: {', '.join(known)}. Example: hidden=256"
        )
    try:
        return kzoo.Head(**values)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _add_pretraining(every: Commands) -> None:
    pretraining = _command(every, "pretrain", commands.run_pretrain, "Train a backbone on data without labels.")
    _add_model(pretraining, "name of a model, or path of a .keras or weight file")
    pretraining.add_argument("data", help="folder of any depth, .csv, .tsv, .txt, .tfrecord, or tfds:NAME")
    pretraining.add_argument("--objective", required=True, help="simclr, barlow_twins, masked, autoencoder, gan, ...")
    pretraining.add_argument("--save", metavar="DIR", required=True, help="keep the backbone there, for 'kzoo adapt'")
    text = "keep checkpoints there; the same command continues from the last one"
    pretraining.add_argument("--checkpoint-dir", metavar="DIR", help=text)
    text = "evaluate and write a checkpoint every N steps; default: a tenth of --steps"
    pretraining.add_argument("--eval-every", type=int, metavar="N", help=text)
    pretraining.add_argument(
        "--probe", metavar="DATA", help="small labelled data on which linear probes measure progress"
    )
    pretraining.add_argument("--steps", type=int, default=1_000)
    pretraining.add_argument("--batch-size", type=int, default=64)
    pretraining.add_argument("--weights", default="none", help="imagenet, none, or a path, to begin with")
    pretraining.add_argument("--size", type=int, help="of images, pixels; of texts, tokens; of recordings, samples")
    pretraining.add_argument("--seed", type=int, default=0)

    distilling = _command(every, "distill", commands.run_distill, "Distill a saved model into a smaller one.")
    distilling.add_argument("saved", help="directory of a saved model, the teacher")
    _add_model(distilling, "name of a model, or path of a .keras or weight file", name="student")
    distilling.add_argument("data", nargs="?", help="unlabelled data; without it, the teacher's own")
    distilling.add_argument("--target", choices=["logits", "features", "both"], default="logits")
    text = "of the teacher's probabilities, above 0"
    distilling.add_argument("--temperature", type=float, default=2.0, help=text)
    text = "weight of the loss on the labels, in [0, 1]; the teacher's has the rest"
    distilling.add_argument("--alpha", type=float, default=0.1, help=text)
    distilling.add_argument("--directory", metavar="DIR", help=KEPT)
    distilling.add_argument("--save", metavar="DIR", required=True, help="keep the student there")
    distilling.add_argument("--weights", default="auto", help="of the student: imagenet, none, or a path")
    distilling.add_argument("--size", type=int, help="of the student's input")
    distilling.add_argument("--seed", type=int, default=0)


def _add_saved(every: Commands) -> None:
    text = "Measure a saved model on its test split or on other data."
    evaluating = _command(every, "evaluate", commands.run_evaluate, text)
    evaluating.add_argument("saved", help="directory of a saved model")
    evaluating.add_argument("data", nargs="?", help="labelled data; without it, the test split")

    text = "Write a page on a saved model: slices, reliability, mistakes, likely label errors."
    reporting = _command(every, "report", commands.run_report, text)
    reporting.add_argument("saved", help="directory of a saved model")
    reporting.add_argument("data", nargs="?", help="labelled data; without it, the test split")
    reporting.add_argument("--out", metavar="FILE", required=True, help="the HTML file to write")

    predicting = _command(every, "predict", commands.run_predict, "Predict labels of images, texts or recordings.")
    predicting.add_argument("saved", help="directory of a saved model")
    predicting.add_argument("inputs", nargs="+", help="paths of images or recordings, or one folder; or texts")

    exporting = _command(every, "export", commands.run_export, "Write a saved model as a SavedModel for serving.")
    exporting.add_argument("saved", help="directory of a saved model")
    exporting.add_argument("directory", help="the version appears as DIRECTORY/<version>/")
    forms = ("saved_model", "litert", "onnx", "openvino")
    exporting.add_argument("--format", choices=forms, default="saved_model", help="a SavedModel, or one file")
    text = "numbers of fewer bits in the file: float16, and for litert also dynamic or int8"
    exporting.add_argument("--quantize", choices=("float16", "dynamic", "int8"), help=text)
    text = "refuse a quantized file whose score is lower by more than SHARE (0.01)"
    exporting.add_argument("--tolerance", type=float, metavar="SHARE", default=0.01, help=text)
    text = "also say where the model is not sure enough: what it answers is this accurate on validation, as 0.97"
    exporting.add_argument("--accuracy", type=float, metavar="SHARE", help=text)
    text = "also say which inputs are unlike anything in training"
    exporting.add_argument("--novelty", action="store_true", help=text)


def _add_upkeep(every: Commands) -> None:
    verifying = _command(every, "verify", commands.run_verify, "Verify the checksums of saved models and exports.")
    verifying.add_argument("directory", help="a saved model, a checkpoint, an exported version, or several in a folder")

    text = "Show the activations that are kept for the next training, or clear them."
    cache = _command(every, "cache", commands.run_cache, text)
    cache.add_argument("--clear", action="store_true", help="remove them all")

    demo = _command(every, "demo", commands.run_demo, "Run a short demonstration, offline.")
    demo.add_argument("--directory", metavar="DIR", help="keep the exported model there")
