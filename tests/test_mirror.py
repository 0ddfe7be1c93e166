"""The tests mirror the source files; what is tested elsewhere, or tests no single file, stands here with its reason."""

from pathlib import Path

import pytest

import kzoo

SOURCES = Path(kzoo.__file__).parent
TESTS = Path(__file__).parent

ELSEWHERE = {
    "by the runs that they are part of": ("pretraining/test_steps", ["pretraining/segment"]),
    "by runs that are interrupted": ("training/resuming/test_run_directory", ["training/resuming/keep_state"]),
    "by pyright: its names stand in annotations": ("test_laws", ["core/tensors", "models/backbone_source"]),
    "by the preprocessor, which turns images upright": ("data/image/test_preprocess", ["data/image/orientation"]),
    "by the backbones that it makes": ("models/test_backbones", ["models/construction"]),
    "by the views that epochs see": ("training/test_views", ["setup/feeds"]),
    "through the command line": ("cli/test_main", ["cli/exit_codes", "cli/saved_models", "cli/shell_values", "demo"]),
    "by writers that are killed, and full disks": ("core/test_storage", ["core/disk_errors", "core/leftovers"]),
    "by a file of each form": ("serving/test_file_forms", ["serving/onnx_file"]),
    "by the files that are written": (
        "serving/litert/test_conversion",
        ["serving/constant_function", "serving/litert/interpreter", "serving/litert/quantization"],
    ),
    "by what `import kzoo` imports": ("test_laws", ["core/tf_import"]),
    "by whole runs on texts and recordings": (
        "test_modalities",
        [
            *("data/audio/augment", "data/audio/preprocess", "data/audio/reader"),
            *(
                "data/pipelines",
                "models/hub/rewiring",
                "models/zoo/audio",
                "results/neighbors",
            ),
            *(
                "results/neighbors",
                "results/plots",
                "results/pretrained",
                "specs/catalog/hub_audio",
                "specs/catalog/hub_text",
            ),
        ],
    ),
    "by the curves that it holds": ("choosing/curves/test_learning_curve", ["choosing/curves/curve_record"]),
    "by the targets that they make": ("data/test_targets", ["core/raw_targets", "task_kinds/encoded_targets"]),
    "by a modality from outside": (
        "data/test_modalities",
        [
            "data/seams",
            *(f"data/arrays/{name}" for name in ("column", "default_parts", "preprocess", "reader", "served")),
        ],
    ),
    "by whole runs on rows": (
        "data/row/test_preprocess",
        [
            *(f"data/row/{name}" for name in ("plain_table", "reader", "served", "described", "columns", "dates")),
            *("models/zoo/row", "models/zoo/row_layers", "serving/input_names", "specs/catalog/row_networks"),
        ],
    ),
    "by whole runs on series": (
        "data/series/test_preprocess",
        [
            *(f"data/series/{name}" for name in ("column", "described", "reader", "served")),
            *("pretraining/objectives/masked_steps", "specs/catalog/recurrent_networks"),
        ],
    ),
    "by whole runs on several inputs": (
        "test_several_inputs",
        [
            *(f"data/multimodal/{name}" for name in ("arrange", "joint_modality", "preprocess", "reader", "served")),
            "data/multimodal/described",
        ],
    ),
    "by the columns that they make": (
        "data/multimodal/test_column",
        ["data/multimodal/linking", "data/multimodal/parts"],
    ),
    "by the readers that use it": ("data/sources/test_reading", ["data/examples", "data/file_column"]),
    "by the form of data that it reads": (
        "data/sources/test_reading",
        [
            *("data/sources/folders", "data/sources/source_query", "data/sources/split_files"),
            *("data/sources/table_files", "data/sources/tabular", "data/sources/tf_data"),
        ],
    ),
    "beside training, on files that change": ("training/test_unchanged", ["data/file_changes"]),
    "beside the headers that it repeats in a graph": ("data/image/test_headers", ["data/image/graph_headers"]),
    "by the views that it gives": ("data/image/test_augment", ["data/image/reader", "data/seeds"]),
    "by fusions, which share one input": (
        "test_fusion",
        ["data/joint", "models/assembly", "setup/model", "specs/fusion", "specs/head"],
    ),
    "by `predict`, which reads with it": (
        "test_adaptation",
        ["data/loader", "results/evaluation", "results/inference", "results/inputs"],
    ),
    "beside the column and the preprocessor of texts": (
        "data/text/test_preprocess",
        ["data/text/cleaning", "data/text/column", "data/text/subwords", "data/text/tokenizers", "data/text/words"],
    ),
    "by the report that they are in": (
        "results/report/test_report",
        [
            f"results/report/{name}"
            for name in ("charts", "known_examples", "page", "page_parts", "page_style", "shown", "unusual")
        ],
    ),
    "by the rankings that they are in": (
        "choosing/test_ranking",
        [
            "setup/frozen_features",
            *(f"choosing/{name}" for name in ("features/scores", "interval_figure", "rank_record")),
        ],
    ),
    "by one task after another": (
        "setup/sequence/test_kept_tasks",
        ["choosing/forgetting", "data/tasks/earlier_examples", "distillation/earlier_outputs"],
    ),
    "by the kinds that they make": (
        "task_kinds/test_multi_task",
        ["task_kinds/kind_names", "task_kinds/multi_task_layers"],
    ),
    "by the phases that were best": ("setup/conclusion/test_task_bests", ["results/tasks/best_states"]),
    "by what holds of every classical head": (
        "training/probes/classical/test_classical_probe",
        [
            "models/classical_layers",
            "specs/catalog/classical_heads",
            *(
                f"training/probes/classical/{name}"
                for name in (
                    "boosted_trees",
                    "classical_solver",
                    "logistic_solver",
                    "nearest_examples",
                    "ridge_classes",
                    "support_vectors",
                )
            ),
        ],
    ),
    "by all that takes a model": ("setup/test_prepare", ["setup/model_source"]),
    "by the pairs that are aligned": (
        "alignment/test_align",
        [
            *("alignment/learned", "alignment/towers", "data/multimodal/pairs"),
            *(f"results/alignment/{name}" for name in ("aligned", "label_head")),
        ],
    ),
    "by the search that they are in": (
        "choosing/tuning/test_search",
        [f"choosing/tuning/{name}" for name in ("outcome", "search_figure", "trial_runs", "tuning_record")],
    ),
    "by trials whose losses are known": (
        "choosing/tuning/test_search_loop",
        ["choosing/tuning/rungs", "choosing/tuning/sampling"],
    ),
    "by the verdicts that rest on them": ("choosing/test_verdicts", ["choosing/alternatives"]),
    "by verdicts and pretraining on rows": (
        "data/row/test_preprocess",
        ["choosing/classical_rivals", "pretraining/objectives/scarf"],
    ),
    "by unlabelled teaching and its features": (
        "distillation/test_distill",
        [
            "data/sources/unlabelled",
            *(f"distillation/{name}" for name in ("features", "static_embeddings", "student_data", "teacher")),
        ],
    ),
    "by the languages that are aligned with it": (
        "distillation/test_bilingual_embeddings",
        ["data/text/bilingual/segmentation", "distillation/language_statistics", "models/zoo/languages"],
    ),
    "by their intervals": ("core/test_intervals", ["task_kinds/statistics"]),
    "by ensembles, soups and interpolation": (
        "test_merging",
        ["evaluation/calibration", "models/side_by_side", "results/interpolation"],
    ),
    "by the backbones that are made of it": (
        "models/hub/test_hub_encoders",
        ["models/hub/hub_images", "models/hub/hub_layers"],
    ),
    "by hostile archives": ("models/files/test_keras_archive", ["models/files/configs"]),
    "by the models that users bring": ("models/test_backbones", ["models/user_models"]),
    "by pretraining runs": (
        "pretraining/test_pretrain",
        [
            "models/zoo/image",
            *(f"pretraining/{name}" for name in ("dataset", "ema", "learner", "precision", "preparation")),
            "pretraining/pretraining_options",
        ],
    ),
    "all objectives against NumPy, side by side": (
        "pretraining/objectives/test_objective",
        [
            f"pretraining/objectives/{name}"
            for name in (
                "autoencoder",
                "barlow_twins",
                "gan",
                "masked",
                "masked_columns",
                "masked_language",
                "simclr",
                "supervised",
            )
        ],
    ),
    "by the diagnoses that they are in": (
        "diagnosis/test_examination",
        ["diagnosis/finding", "diagnosis/usable_examples"],
    ),
    "by explanations of adapted models": (
        "results/explanation/test_explain",
        [f"results/explanation/{name}" for name in ("explanations", "heat", "image_maps", "subject")],
    ),
    "by exports that are served": (
        "serving/test_saved_model",
        [
            *("results/export", "results/export_check", "serving/batch_items"),
            *("data/audio/served", "data/image/served", "data/text/served", "serving/signatures", "serving/warmup"),
        ],
    ),
    "by the server that they make": (
        "serving/rest/test_server",
        [
            f"serving/rest/{name}"
            for name in ("app", "counters", "request_error", "server_options", "signature", "versions")
        ],
    ),
    "by what limits say in predictions, files and exports": (
        "results/report/test_limit_choice",
        ["results/files/saved_limits", "serving/served_limits"],
    ),
    "by results that are printed and drawn": ("results/test_adapted", ["results/display"]),
    "by predictions of adapted models": ("test_adaptation", ["setup/plan", "setup/stage_table"]),
    "by the result that it describes": ("setup/conclusion/test_result", ["results/record"]),
    "by the cards, all of the catalog": (
        "specs/catalog/test_keras_applications",
        ["specs/catalog/hub_presets", "specs/catalog/keras_cv", "specs/catalog/modality"],
    ),
    "by the records that they are in": (
        "specs/records/test_run_record",
        [
            f"specs/records/{name}"
            for name in (
                "evaluation_record",
                "origin_record",
                "phase_record",
                "plain_values",
                "pretrained_record",
                "task_record",
            )
        ],
    ),
    "by hostile folders": ("results/files/test_saving", ["specs/checked_json", "specs/saved_card"]),
    "by the blocks that they read": ("training/cache/test_disk", ["training/cache/rows"]),
    "by the passes over data that a run takes": ("training/cache/test_sharing", ["training/cache/compute"]),
    "by what holds of every kind": (
        "task_kinds/test_kind_registry",
        [f"task_kinds/{name}" for name in ("classification", "multi_label", "regression", "score_tables", "task_kind")],
    ),
    "by the probe that they solve": ("training/probes/test_linear_probe", ["task_kinds/linear_solvers"]),
    "by the names that a user gives": ("setup/options/test_monitor_choice", ["task_kinds/monitors"]),
    "by the loop": ("training/test_loop", ["training/feed"]),
}
"""By reason: the test file, and the source files that it tests."""

STORIES = {
    "diagnosis/test_dirty_images": "a dirty copy of TrashNet",
    "faults/test_faults": "kills, full disks, and several processes at once, through all verbs",
    "data/test_fuzz": "random inputs through all readers",
    "data/test_refusals": "what is said of data that cannot be read, for all sources",
    "mutations/test_catalog": "the list of faults that tests must notice",
    "serving/test_c_program": "an exported model without Python",
    "test_docs": "the documentation, and its code",
    "test_benchmarks": "the scripts and tables of benchmarks/",
    "test_global_state": "what `import kzoo`, `list_models` and `plan` leave as it is",
    "test_fusion": "several backbones from specs to export",
    "test_several_inputs": "examples of several inputs, from a table to export",
    "test_laws": "the laws of the house",
    "test_mirror": "this one",
    "test_modalities": "texts and recordings, from data to export",
    "test_real": "real weights and data",
    "test_seen": "what weights have seen, through all verbs",
    "training/cache/test_reuse": "activations of one run in another",
    "training/cache/test_sharing": "activations of several phases, in one pass",
    "training/test_unchanged": "files that change while a model trains",
    "training/test_views": "augmented views, of all modalities",
}
"""Test files of more than one source file."""


def sources() -> set[str]:
    found = (path.relative_to(SOURCES).with_suffix("") for path in SOURCES.rglob("*.py") if path.name != "__init__.py")
    return {path.as_posix() for path in found}


def files_of_tests() -> set[str]:
    return {path.relative_to(TESTS).with_suffix("").as_posix() for path in TESTS.rglob("test_*.py")}


def mirror_of(source: str) -> str:
    folder, _, name = source.rpartition("/")
    return f"{folder}/test_{name}".removeprefix("/")


def test_each_source_file_has_a_test_file_or_a_reason():
    elsewhere = {source for _, files in ELSEWHERE.values() for source in files}
    without = {source for source in sources() if mirror_of(source) not in files_of_tests()}
    assert without == elsewhere


def test_each_test_file_has_a_source_file_or_is_a_story():
    mirrors = {mirror_of(source) for source in sources()}
    assert files_of_tests() - mirrors == set(STORIES)


@pytest.mark.parametrize("reason", ELSEWHERE)
def test_the_test_file_that_is_named_is_there(reason: str):
    assert ELSEWHERE[reason][0] in files_of_tests()
