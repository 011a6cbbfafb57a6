"""Code blocks of a page, and a way to run them in the order in which a reader does.

The info string of a block says what it is: a language, then perhaps attributes.
`title="NAME.EXT"` is a file, `title="… terminal"` runs beside the others until the end,
`shows="a b"` says what the output must contain, `until="a b"` what it must contain at last.
"""

import os
import re
import shlex
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_BLOCK = re.compile(r"^```(?P<language>\w+)(?P<attributes>[^\n]*)\n(?P<text>.*?)^```$", re.M | re.S)
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')
PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Block:
    """One block of code."""

    language: str
    attributes: Mapping[str, str]
    text: str
    line: int


def blocks_of(page: str) -> list[Block]:
    """Return the blocks of a page in order."""
    return [
        Block(
            m["language"],
            dict(_ATTRIBUTE.findall(m["attributes"])),
            m["text"],
            page.count("\n", 0, m.start()) + 1,
        )
        for m in _BLOCK.finditer(page)
    ]


@dataclass
class Reader:
    """Someone who does what a page says, in a folder of their own.

    Attributes:
        missing: the tools that were not here.
        folder: where files are written and commands run.
        environment: of the commands.
        replacements: texts of the page that are others here, such as ports.
    """

    folder: Path
    environment: Mapping[str, str]
    replacements: Mapping[str, str] = field(default_factory=dict)
    terminals: list[subprocess.Popen[bytes]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def do(self, block: Block) -> None:
        """Write a file, start what goes on, or run commands and look at what they print."""
        text = self._replaced(block.text)
        title = block.attributes.get("title", "")
        if title.endswith("terminal"):
            self._start(text, title)
        elif title:
            (self.folder / title).write_text(text)
        elif block.language == "sh":
            self._run(text, block)

    def leave(self) -> None:
        """End what goes on, the last started first."""
        for process in reversed(self.terminals):
            process.terminate()
            process.wait(timeout=30)

    def _replaced(self, text: str) -> str:
        for old, new in self.replacements.items():
            text = text.replace(old, new)
        return text

    def _start(self, text: str, title: str) -> None:
        with (self.folder / f"{title}.log").open("wb") as log:
            command = shlex.split(text)
            self.terminals.append(
                subprocess.Popen(
                    command, cwd=self.folder, env={**self.environment}, stdout=log, stderr=log
                )
            )

    def _run(self, text: str, block: Block) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        wanted = block.attributes.get("until", "").split()
        while True:
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", text],
                cwd=self.folder,
                env={**self.environment},
                capture_output=True,
                text=True,
                timeout=240,
            )
            if not wanted or time.monotonic() > deadline:
                break
            if done.returncode == 0 and all(word in done.stdout for word in wanted):
                break
            time.sleep(0.3)
        told = f"line {block.line}: {text}\n{done.stdout}\n{done.stderr}\n{self._logs()}"
        assert done.returncode == 0, told
        for word in (*wanted, *block.attributes.get("shows", "").split()):
            assert word in done.stdout, f"{word!r} is not in the output of {told}"

    def _logs(self) -> str:
        return "\n".join(p.read_text()[-2000:] for p in sorted(self.folder.glob("* terminal.log")))


def environment_for(binaries: Path, **variables: str) -> dict[str, str]:
    """Return the environment of a reader whose commands are in a folder."""
    path = os.pathsep.join([str(binaries), os.environ["PATH"]])
    return {**os.environ, "PATH": path, **variables}
