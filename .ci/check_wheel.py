"""Check that a wheel holds the package, whole, with its types and licence, and nothing else.

An accelerated one has what ``in_c`` is compiled to, and neither has the folder itself.

``check_wheel.py WHEEL CHECKOUT pure|accelerated``
"""

import sys
import zipfile
from pathlib import Path

wheel, checkout, kind = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
packed = set(zipfile.ZipFile(wheel).namelist())
metadata = {name for name in packed if name.split("/")[0].endswith(".dist-info")}
expected = {
    path.relative_to(checkout).as_posix()
    for path in (checkout / "trio_ws").rglob("*")
    if path.is_file() and "in_c" not in path.parts
}
if kind == "accelerated":
    expected.add("trio_ws/_protocol/_accelerator.abi3.so")
problems = [
    *(f"not packed: {name}" for name in sorted(expected - packed)),
    *(f"packed, but not of the package: {name}" for name in sorted(packed - metadata - expected)),
]
if "trio_ws/py.typed" not in packed:
    problems.append("py.typed is missing")
if not any(name.endswith("/licenses/LICENSE") for name in metadata):
    problems.append("the licence is missing")
tag = "-py3-none-any.whl" if kind == "pure" else "-cp311-abi3-linux_"
if tag not in wheel.name:
    problems.append(f"{wheel.name} has another tag than {tag}")
print(f"{wheel.name}: {len(packed)} files")
sys.exit("\n".join(problems) or 0)
