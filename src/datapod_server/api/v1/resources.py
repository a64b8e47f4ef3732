"""All routes of `/v1` in one table. A module of its own: it brings the table engine, and who only needs an error writer does not."""

from __future__ import annotations

from datapod_server.api.router import Router
from datapod_server.api.v1 import datasets, entities, functions, house, plugins, procedures, query, scripts, tokens, types
from datapod_server.pod import Pod

MODULES = (entities, procedures, functions, datasets, query, plugins, scripts, tokens, types, house)

ROUTER: Router[Pod] = Router(route for module in MODULES for route in module.ROUTES)
