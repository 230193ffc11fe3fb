"""Flip bits in every file of a model folder and see what `pqnlp.load` makes of it.

python -m benchmarks.fuzz_model models/default [--flips 2000] [--signed 500] [--seed 0] [--json]

Damaged folders (one bit flipped) must be refused or be the same model. Then folders whose checksums were made anew by someone who
means to deceive, with bits flipped inside of the model file's parts: they may be refused or be another model, but must neither
run code nor crash. Each attempt is made in a process that is watched: by its exit status for crashes, by Python's audit events for
code. Exits with 1 if anything of this happened.
"""

import argparse
import collections
import io
import json
import random
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

#: What no model has to do while it is opened.
FORBIDDEN = (
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "subprocess.Popen", "pickle.find_class", "socket.connect",
    "os.remove", "os.rename", "os.mkdir", "shutil.rmtree", "ctypes.dlopen", "import",
)  # fmt: skip
PAIRS = [
    ("To ask the Minister, how many there are.", "There are 12. I shall write to the hon. Member."),
    ("My tap drips. When will you come?", "We looked at the tap on 3 May. Nothing will be done about it."),
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--flips", type=int, default=2000, help="damaged folders")
    parser.add_argument("--signed", type=int, default=500, help="damaged folders with new checksums")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--first", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.first is not None:
        attempt_all(given)
        return 0
    found = watch(given)
    if given.json:
        print(json.dumps(found))
    else:
        for name, outcomes in found.items():
            print(f"{name}: " + ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items()))
    bad = {"crashed", "ran code", "another error"}
    return int(any(bad & set(outcomes) for outcomes in found.values()) or "another model" in found["damaged"])


def watch(given: argparse.Namespace) -> dict[str, dict[str, int]]:
    """Run the attempts in processes; one that dies is followed by another, which goes on after the attempt that it died of."""
    found = {"damaged": collections.Counter(), "signed anew": collections.Counter()}
    at = 0
    while at < given.flips + given.signed:
        command = [sys.executable, "-m", "benchmarks.fuzz_model", str(given.model), "--first", str(at)]
        command += ["--flips", str(given.flips), "--signed", str(given.signed), "--seed", str(given.seed)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=3600)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        for number, outcome in rows:
            found["damaged" if number < given.flips else "signed anew"][outcome] += 1
        at += len(rows)
        if done.returncode and at < given.flips + given.signed:
            if not rows and done.returncode > 0:
                raise SystemExit(done.stderr)
            found["damaged" if at < given.flips else "signed anew"]["crashed"] += 1
            print(f"attempt {at} ended the process ({done.returncode})", file=sys.stderr)
            at += 1
    return {name: dict(outcomes) for name, outcomes in found.items()}


def attempt_all(given: argparse.Namespace) -> None:
    from threadpoolctl import threadpool_limits

    import pqnlp

    threadpool_limits(1)
    whole = pqnlp.load(given.model)
    expected = whole.classifier.predict_proba(PAIRS)
    events: list[str] = []
    watching = [False]

    def hook(event: str, arguments: tuple) -> None:
        if watching[0] and event in FORBIDDEN:
            if event == "import" and str(arguments[0]).split(".")[0] in ("numpy", "scipy", "sklearn", "skops", "pqnlp"):
                return
            if event == "import" and arguments[0] in sys.stdlib_module_names:
                return
            events.append(f"{event} {arguments[:1]}")

    sys.addaudithook(hook)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        for number in range(given.first, given.flips + given.signed):
            chance = random.Random(f"{given.seed}/{number}")
            shutil.copytree(given.model, folder)
            if number < given.flips:
                flip_file(folder, chance)
            else:
                flip_and_sign(folder, chance)
            events.clear()
            watching[0] = True
            try:
                outcome = attempt(pqnlp, folder, whole, expected)
            finally:
                watching[0] = False
            if events:
                print(number, events[:3], file=sys.stderr)
            print(json.dumps([number, "ran code" if events else outcome]), flush=True)
            shutil.rmtree(folder)


def attempt(pqnlp, folder: Path, whole, expected) -> str:
    import numpy as np

    from pqnlp import model as folders
    from pqnlp.errors import ModelError

    folders._CACHE.clear()
    try:
        opened = pqnlp.load(folder)
    except ModelError:
        return "refused"
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return "another error"
    try:
        same = opened.manifest == whole.manifest and np.array_equal(opened.classifier.predict_proba(PAIRS), expected)
    except Exception:
        return "another model"
    return "the same model" if same else "another model"


def flip_file(folder: Path, chance: random.Random) -> None:
    """Flip one bit in one of the files."""
    path = chance.choice(sorted(folder.iterdir()))
    path.write_bytes(_flipped(path.read_bytes(), chance))


def flip_and_sign(folder: Path, chance: random.Random) -> None:
    """Flip a bit in a part of the model file, or in a text, and make the checksums anew."""
    import hashlib

    from pqnlp.model import _manifest_digest

    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    path = folder / "model.skops"
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    # Most bytes are in arrays; half of the flips are in the plan of how objects are put together.
    name = "schema.json" if "schema.json" in parts and chance.random() < 0.5 else chance.choice(sorted(parts))
    for _ in range(chance.choice((1, 1, 8))):
        parts[name] = _flipped(parts[name], chance)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    path.write_bytes(out.getvalue())
    manifest["files"][path.name] = hashlib.sha256(out.getvalue()).hexdigest()
    manifest["digest"] = _manifest_digest({key: value for key, value in manifest.items() if key != "digest"})
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def _flipped(content: bytes, chance: random.Random) -> bytes:
    data = bytearray(content)
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


if __name__ == "__main__":
    raise SystemExit(main())
