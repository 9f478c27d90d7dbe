"""The cache that all processes share: it counts attempts to sign in, and says when the
worker was last seen."""

from __future__ import annotations

import logging
import time
from typing import Any

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

# Seconds for which a server that did not answer is not asked again, so that a person
# who signs in during an outage waits for one time-out and not for a dozen.
REST = 5.0


class OneClient(RedisCacheClient):
    """Django makes a client for every question; making it takes longer than asking."""

    _made: Any = None

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:
        self._made = self._made or super().get_client(key, write=write)
        return self._made


class SharedCache(RedisCache):
    """Redis or Valkey, and this process's own memory while that is away.

    Limits of sign-in then hold for each process instead of for all of them. The two
    other answers are worse: refusing everybody would lock the responders out during
    just such an outage, and letting everybody try would invite whoever caused it.
    """

    _asked_again_at = 0.0

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = OneClient
        own = {name: value for name, value in params.items() if name != "OPTIONS"}
        self._own = LocMemCache("shared-cache", own)

    def _ask(self, verb: str, *args: Any, **kwargs: Any) -> Any:
        if time.monotonic() >= SharedCache._asked_again_at:
            try:
                return getattr(RedisCache, verb)(self, *args, **kwargs)
            except (RedisError, OSError) as error:
                SharedCache._asked_again_at = time.monotonic() + REST
                logger.warning(
                    "cache away, counting in this process alone: %s", type(error)
                )
        return getattr(self._own, verb)(*args, **kwargs)

    def add(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("add", *args, **kwargs)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("get", *args, **kwargs)

    def set(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("set", *args, **kwargs)

    def touch(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("touch", *args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("delete", *args, **kwargs)

    def has_key(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("has_key", *args, **kwargs)

    def incr(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("incr", *args, **kwargs)

    def get_many(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("get_many", *args, **kwargs)

    def set_many(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("set_many", *args, **kwargs)

    def delete_many(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("delete_many", *args, **kwargs)

    def clear(self) -> None:
        """Refused: it would empty the whole database, and the queue lies there too."""
        raise RuntimeError("The cache shares its database with the queue of tasks.")


def cache_settings(url: str) -> dict[str, Any]:
    """Django's settings of the cache at `url`, which reads like a broker's.

    Without a server that several processes can reach, each has its own memory.
    """
    scheme, _, rest = url.partition("://")
    if scheme not in {"redis", "rediss", "redis+socket"}:
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    return {
        "BACKEND": "postmortem.lib.cache.SharedCache",
        "LOCATION": f"unix://{rest}" if scheme == "redis+socket" else url,
        # The queue's own keys have no such beginning.
        "KEY_PREFIX": "cache",
        "OPTIONS": {"socket_connect_timeout": 1.0, "socket_timeout": 1.0},
    }
