"""The search attributes by which sagas are found on a Temporal cluster.

None of them is sensitive: a definition's attributes cannot be. Of each type a namespace on a relational database has
only a few, so a version is a word, and all attributes of a definition are one list.
"""

from __future__ import annotations

from typing import Final

from temporalio.common import SearchAttributeKey

from orchestrator.engine.temporal import names

DEFINITION: Final = SearchAttributeKey.for_keyword(names.DEFINITION)
VERSION: Final = SearchAttributeKey.for_keyword(names.VERSION)
STATUS: Final = SearchAttributeKey.for_keyword(names.STATUS)
REASON: Final = SearchAttributeKey.for_keyword(names.REASON)
COMMAND: Final = SearchAttributeKey.for_keyword(names.COMMAND)
ATTRIBUTES: Final = SearchAttributeKey.for_keyword_list(names.ATTRIBUTES)
STARTED_AT: Final = SearchAttributeKey.for_int(names.STARTED_AT)
ENDED_AT: Final = SearchAttributeKey.for_int(names.ENDED_AT)

PROBLEMS: Final = SearchAttributeKey.for_keyword_list(names.PROBLEMS)
"""The server's own, of a workflow whose tasks fail again and again; older servers lack it."""

ALL: Final = (DEFINITION, VERSION, STATUS, REASON, COMMAND, ATTRIBUTES, STARTED_AT, ENDED_AT)
