"""What README says, for those who run it: the commands are taken from it, never typed again.

python tests/readme.py train    # prints the command that trains
python tests/readme.py test     # prints the command that runs the tests
"""

import re
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def blocks(language: str, text: str | None = None) -> list[str]:
    """The fenced blocks of one language, in order."""
    text = README.read_text(encoding="utf-8") if text is None else text
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def commands(text: str | None = None) -> dict[str, str]:
    """The two commands: each is the only line of its block, after the word that names it.

    Raises:
        ValueError: README does not hold exactly these two.
    """
    found = [block.strip() for block in blocks("sh", text)]
    if len(found) != 2 or any("\n" in command for command in found):
        raise ValueError(f"README must have two commands of one line each. Found: {found}")
    train, test = found
    if "mlkit quickstart" not in train or "pytest" not in test:
        raise ValueError(f"README's first command trains, the second tests. Found: {found}")
    return {"train": train, "test": test}


if __name__ == "__main__":
    print(commands()[sys.argv[1]])
