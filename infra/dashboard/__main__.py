"""Write the dashboard's body into a template, or compare it: `python -m infra.dashboard --write template.yaml`."""

import argparse
import sys
from pathlib import Path

from infra.dashboard.template_file import TemplateError, rewritten


def main() -> int:
    """Write or compare, and return the exit code: 1 if the template is not current, 2 for a problem."""
    parser = argparse.ArgumentParser(prog="python -m infra.dashboard", description=__doc__)
    todo = parser.add_mutually_exclusive_group(required=True)
    todo.add_argument("--write", type=Path, metavar="FILE", help="template to write the body into")
    todo.add_argument("--check", type=Path, metavar="FILE", help="template to compare")
    arguments = parser.parse_args()
    path: Path = arguments.write or arguments.check
    try:
        old = path.read_text()
        new = rewritten(old)
        if arguments.write:
            path.write_text(new)
            return 0
    except (TemplateError, OSError) as error:
        print(f"infra.dashboard: {error}", file=sys.stderr)
        return 2
    if new != old:
        print(f"{path} is not current; run: python -m infra.dashboard --write {path}", file=sys.stderr)
    return int(new != old)


if __name__ == "__main__":
    sys.exit(main())
