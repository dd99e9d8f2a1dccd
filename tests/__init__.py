"""The tests, and the programs that belong to them.

The proxies that the environment names are for programs that want to get out.
Tests talk to themselves, and so does whatever they start: a proxy would only be in the way.
"""

import os

for _name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[_name]
