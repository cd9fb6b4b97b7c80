"""Let the built template's default architecture be the one that the artifact was built for.

`sam local invoke` and `sam deploy` then need no parameter to match the artifact.
"""

import argparse
import re
import sys
from pathlib import Path

ARCHITECTURES = ("arm64", "x86_64")
# The parameter in the YAML that `sam build` writes; what stands between its name and its default is indented deeper.
_DEFAULT = re.compile(r"^(  Architecture:\n(?: {4,}.*\n)*?    Default: ).*$", re.MULTILINE)


def with_architecture(template: str, architecture: str) -> str:
    """Return the template with this default of its parameter Architecture; raise ValueError if it has none."""
    changed, count = _DEFAULT.subn(rf"\g<1>{architecture}", template)
    if count != 1:
        raise ValueError("the template has no parameter Architecture with a default")
    return changed


def main() -> int:
    """Rewrite the template in place; return 1 if it has no such parameter."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("template", type=Path, help="the built template, .aws-sam/build/template.yaml")
    parser.add_argument("architecture", choices=ARCHITECTURES)
    arguments = parser.parse_args()
    try:
        arguments.template.write_text(with_architecture(arguments.template.read_text(), arguments.architecture))
    except ValueError as error:
        print(f"{arguments.template}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
