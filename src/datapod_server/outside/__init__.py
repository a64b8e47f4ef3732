"""What the server does at other servers on behalf of plugins, with credentials that plugins never see.

postbox.py    sends mail through the operator's relay
platforms.py  logs in at providers (OAuth 1 and 2), keeps and renews their tokens

Source: pod-protocol.md, 12, 16.
"""

from datapod_server.outside.platforms import Platform, Platforms, read_platforms
from datapod_server.outside.postbox import Postbox, PostboxSettings

__all__ = ["Platform", "Platforms", "Postbox", "PostboxSettings", "read_platforms"]
