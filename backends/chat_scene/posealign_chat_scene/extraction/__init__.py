"""Makes the files that Chat-Scene reads of a scene: objects, their 3-D and their 2-D features.

Everything is written in the published layouts (chat_scene spec, section 2), so that downloaded
files and files made here can take each other's place. `tables` reads them back.
"""

from __future__ import annotations
