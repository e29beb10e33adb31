"""What stands in for Open WebUI around its modules that talk to a server, which are imported as they stand.

With all that it needs Open WebUI takes 7 GB. Its connections need settings, a database with them, users and their rights:
here everybody is the administrator, and the settings are those of a case.
"""

import importlib.abc
import importlib.machinery
import sys
import types

# The modules that are the real ones.
REAL = (
    "open_webui.constants", "open_webui.routers.ollama", "open_webui.routers.openai", "open_webui.utils.anthropic",
    "open_webui.utils.headers", "open_webui.utils.json_codec", "open_webui.utils.misc", "open_webui.utils.model_ids",
    "open_webui.utils.payload", "open_webui.utils.response", "open_webui.utils.session_pool",
)
# Nothing of them is wanted here: the names are imported, and not used.
ABSENT = ("sqlalchemy", "open_webui")


class Config:
    """The settings, by their names."""

    values: dict = {}

    @classmethod
    async def get(cls, name, default=None):
        return cls.values.get(name, default)

    @classmethod
    async def get_many(cls, *names):
        return {name: cls.values[name] for name in names if name in cls.values}

    @classmethod
    async def upsert(cls, values):
        cls.values.update(values)


class Models:
    """The settings of single models, of which there are none."""

    @staticmethod
    async def get_model_by_id(*_, **__):
        return None


class Unused:
    """A name in the types of what is not called."""


async def nothing(*_, **__):
    return None


def nobody():
    """What FastAPI would look a user up with."""


SETTINGS = {
    "AIOHTTP_CLIENT_SESSION_SSL": True, "AIOHTTP_CLIENT_TIMEOUT": 20, "AIOHTTP_CLIENT_TIMEOUT_MODEL_LIST": 5,
    "BYPASS_MODEL_ACCESS_CONTROL": True, "ENABLE_FORWARD_USER_INFO_HEADERS": False, "ENABLE_ORJSON": False,
    "MODELS_CACHE_TTL": 1, "REDIS_KEY_PREFIX": "open-webui",
}
STAND_INS = {
    "Config": Config, "Models": Models, "check_model_access": nothing, "publish_event": nothing,
    "publish_model_provider_request_failed": nothing, "UserModel": Unused,
    "AsyncSession": Unused, "get_admin_user": nobody, "get_verified_user": nobody, "get_async_session": nobody, **SETTINGS,
}


class StandIn(types.ModuleType):
    """A module in which every name is there."""

    __path__: list = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return STAND_INS.get(name)


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, folder):
        self.folder = folder

    def find_spec(self, name, _path=None, _target=None):
        if name.split(".")[0] not in ABSENT:
            return None
        if name in REAL:
            file = f"{self.folder}/{name.removeprefix('open_webui.').replace('.', '/')}.py"
            loader = importlib.machinery.SourceFileLoader(name, file)
            return importlib.machinery.ModuleSpec(name, loader, origin=file)
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        return StandIn(spec.name)

    def exec_module(self, _):
        pass


def install(folder):
    """Lets the modules of Open WebUI be imported from a folder with the parts of it that are the real ones."""
    sys.meta_path.insert(0, Finder(folder))


class Request:
    """A browser's request to Open WebUI, as far as its connections look at it."""

    headers: dict = {}
    cookies: dict = {}

    def __init__(self):
        self.app = types.SimpleNamespace(state=types.SimpleNamespace(OLLAMA_MODELS={}, OPENAI_MODELS={}))
        self.state = types.SimpleNamespace()


USER = types.SimpleNamespace(id="u", name="n", email="e@x.test", role="admin", variables={})
