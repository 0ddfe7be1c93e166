"""Makes the backbones that come with kzoo, and writes their weights into the package.

    python benchmarks/nano/make.py DATA [image text audio] [--out kzoo/nano] [--only-seen]

DATA holds cifar10, imagenet_sample, chnsenticorp and fsdd. The teachers are MobileNetV2 0.35 with the ImageNet weights
that Keras downloads, and minilm_l6. Weights are float16; beside each lies a card of what it was made of, and digests of
the examples that its weights have seen, on which `kzoo.adapt` then tests nothing. --only-seen writes these alone.
"""

import argparse
import importlib
from pathlib import Path

from kzoo.core.storage import write_json
from kzoo.models.weights import save_arrays

NAMES = ("image", "text", "audio")


def main() -> None:
    """Makes those that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[2] / "kzoo" / "nano")
    parser.add_argument("--only-seen", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(exist_ok=True)
    for name in options.names:
        module = importlib.import_module(name)
        seen = module.seen(options.data)
        seen.write(options.out / f"{name}_seen.npz")
        print(f"{name}: {seen}")
        if options.only_seen:
            continue
        made = module.make(options.data)
        save_arrays(made.backbone, options.out / f"{name}.npz")
        if "entries" in made.card.reads:
            (options.out / f"{name}.txt").write_text(made.card.reads["entries"], encoding="utf-8")
        write_json(
            options.out / f"{name}.json", {key: value for key, value in made.record.as_plain().items() if key != "seen"}
        )
        print(f"{made}\n{options.out / name}.npz: {(options.out / name).with_suffix('.npz').stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
