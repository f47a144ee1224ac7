"""Import every module of an installed Causeway: one that needs a package which only developers have fails here.

The demonstration is left out, as it needs the extra `demo`.
"""

import importlib
import pkgutil

for room in ("causeway", "collectors", "analytics", "forwarders", "dashboards"):
    package = importlib.import_module(room)
    for module in pkgutil.walk_packages(package.__path__, f"{room}."):
        if not module.name.startswith("causeway.demo") and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
