"""Print the oldest run-time dependencies that pyproject.toml allows, as constraints for pip."""

import re
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
for requirement in project["dependencies"]:
    if not (bound := re.match(r"([\w-]+)>=([\w.]+)", requirement)):
        raise SystemExit(f"no lower bound: {requirement}")
    print(f"{bound[1]}=={bound[2]}")
