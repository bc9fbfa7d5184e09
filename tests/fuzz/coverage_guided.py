"""`python -m tests.fuzz.coverage_guided TARGET [-runs=N] …`: a target under atheris (the extra `fuzz`).

Other arguments are libFuzzer's. Inputs that reach new code are kept below .fuzz-corpus/TARGET; a
finding is stored among the fixtures, and ends the run with a traceback.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["polymask", "defusedxml", "yaml", "zipfile", "PIL.PngImagePlugin"]):
    from tests.fuzz.campaign import keep, tried
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Hand over to libFuzzer."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: python -m tests.fuzz.coverage_guided TARGET; there are: {', '.join(TARGETS)}")
    name = sys.argv.pop(1)
    corpus = Path(".fuzz-corpus") / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, sample in enumerate(TARGETS[name].samples):
        (corpus / f"sample-{number}").write_bytes(sample)

    def one(data: bytes) -> None:
        _, finding = tried(TARGETS[name], data)
        if finding:
            keep(name, data)
            raise AssertionError(finding)

    atheris.Setup([*sys.argv, str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
