"""Home Assistant's REST sensors (2026.11) with the package that docs/monitoring.md has for them. Run by run.sh with the path
of the binary and of the folder `components` of Home Assistant's wheel.

The schema, the request and both kinds of sensors are Home Assistant's own files.
"""

import asyncio
import enum
import json
import pathlib
import re
import sys
import types
import unittest
import urllib.error
import urllib.request

import aiohttp
import jinja2
import voluptuous
import yaml

from gateway import KEY, Gateway
from home_assistant_stand_ins import run_file
from provider import Provider
from results import main

CONFIG = """\
listen: 127.0.0.1:0
api_key: {key}
providers:
  - {{name: local, base_url: "{url}", api_key: sdk-provider-key-1234}}
  - {{name: other, base_url: "{url}", api_key: sdk-provider-key-1234}}
routes:
  - {{name: dynamic/n8n, steps: [{{provider: local, model: limited}}, {{provider: other, model: good}}]}}
  - {{name: single, steps: [{{provider: local, model: limited}}]}}
"""
PAGE = pathlib.Path(__file__).parents[2] / "docs/monitoring.md"
URL = "http://HOST:8080/health/dynamic%2Fn8n"


class Template:
    @classmethod
    def read(cls, text):
        template = cls()
        template.template = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(text)
        return template

    def async_render_as_value_template(self, _, variables, __):
        return self.template.render(**variables).strip()


class Sensor:
    """The base of both kinds of sensors: what they write is kept."""

    def __init__(self, *_):
        self.entity_id, self._attr_is_on, self.state = "sensor.ai_route", None, None

    def _template_variables_with_value(self, value):
        return {"value": value, "value_json": json.loads(value)}

    def _render_availability_template(self, _):
        return True

    def _set_native_value_with_possible_timestamp(self, value):
        self.state = value

    def _process_manual_data(self, _):
        pass

    def async_write_ha_state(self):
        pass


class RestEntity:
    def __init__(self, _, rest, *__):
        self.rest = rest


class Names(dict):
    """Home Assistant's names of settings: `CONF_VALUE_TEMPLATE` is `value_template`."""

    def __missing__(self, name):
        if name.startswith("CONF_"):
            return name.removeprefix("CONF_").lower()
        raise KeyError(name)


def one_of(*words):
    return voluptuous.In(words)


def setting(*names):
    return {voluptuous.Optional(name): str for name in names}


BASE = setting("icon", "name", "picture", "unique_id")
CIPHERS = enum.Enum("SSLCipherList", {"PYTHON_DEFAULT": "python_default"})
LIBRARY = types.SimpleNamespace(
    **{name: getattr(voluptuous, name) for name in ["All", "Exclusive", "In", "Optional", "Schema", "ALLOW_EXTRA"]},
    Secret=lambda name: name, EnsureList=lambda: lambda value: value if isinstance(value, list) else [value],
)
VALIDATION = types.SimpleNamespace(
    url=voluptuous.Url(), string=str, template=Template.read, boolean=bool, positive_int=int, time_period=int,
    ensure_list_csv=[str], remove_falsy=lambda values: [value for value in values if value],
)


def schema():
    names = Names(
        probatio=LIBRARY, cv=VALIDATION, SSLCipherList=CIPHERS, DOMAIN="rest", SENSOR_DOMAIN="sensor",
        BINARY_SENSOR_DOMAIN="binary_sensor", BINARY_SENSOR_DEVICE_CLASSES_SCHEMA=one_of("connectivity"),
        ValueTemplate=types.SimpleNamespace(from_template=lambda template: template), DEFAULT_TIMEOUT=10,
        TEMPLATE_ENTITY_BASE_SCHEMA=types.SimpleNamespace(schema=BASE),
        TEMPLATE_SENSOR_BASE_SCHEMA=types.SimpleNamespace(
            schema=BASE | setting("device_class", "state_class", "unit_of_measurement")),
        DEFAULT_METHOD="GET", METHODS=["POST", "GET"], DEFAULT_VERIFY_SSL=True, DEFAULT_FORCE_UPDATE=False,
        DEFAULT_ENCODING="UTF-8", DEFAULT_SSL_CIPHER_LIST="python_default", HTTP_BASIC_AUTHENTICATION="basic",
        HTTP_DIGEST_AUTHENTICATION="digest", CONF_JSON_ATTRS="json_attributes",
        CONF_JSON_ATTRS_PATH="json_attributes_path",
    )
    return run_file("rest/schema.py", **needed("rest/schema.py", names)).CONFIG_SCHEMA


def needed(path, names):
    """The names with those of settings that a file asks for."""
    with open(f"{sys.argv[2]}/{path}", encoding="utf-8") as file:
        settings = set(re.findall(r"\bCONF_\w+", file.read()))
    return {**names, **{name: names[name] for name in settings}}


def package(address, route="dynamic%2Fn8n"):
    """The package of the page, for this gateway."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    text = next(block for block in blocks if block.startswith("rest:"))
    assert URL in text, text
    return schema()(yaml.safe_load(text.replace(URL, f"{address}/health/{route}")))["rest"]


class RestSensors(unittest.TestCase):
    def setUp(self):
        self.provider = Provider()
        self.gateway = Gateway(sys.argv[1], self.provider.url, CONFIG)
        self.address = self.gateway.url.removesuffix("/v1")

    def tearDown(self):
        self.gateway.stop()
        self.provider.shutdown()
        self.provider.server_close()

    def ask(self, model):
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hi"}]}).encode()
        fields = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.gateway.url}/chat/completions", body, fields)
        try:
            urllib.request.urlopen(request, timeout=10).close()
        except urllib.error.HTTPError as error:
            error.close()

    def sensors(self, route="dynamic%2Fn8n"):
        """The values of the package's sensors: of the state with its attributes, and of whether the route can answer."""
        [config] = package(self.address, route)
        return asyncio.run(self.read(config))

    async def read(self, config):
        async with aiohttp.ClientSession() as session:
            data = run_file(
                "rest/data.py", async_get_clientsession=lambda *_, **__: session, SSLCipherList=CIPHERS,
                template=types.SimpleNamespace(render_complex=lambda value, **_: value), XML_MIME_TYPES=("text/xml",),
            )
            rest = data.RestData(None, "GET", config["resource"], "UTF-8", None, None, None, None, True, "python_default")
            await rest.async_update()
        self.assertIsNone(rest.last_exception)
        util = run_file("rest/util.py", "parse_json_attributes", json_loads=json.loads, _LOGGER=None,
                        ExprSyntaxError=ValueError, JSONPathTypeError=ValueError)
        settings = {"CONF_JSON_ATTRS": "json_attributes", "CONF_JSON_ATTRS_PATH": "json_attributes_path",
                    "CONF_RESOURCE_TEMPLATE": "resource_template", "CONF_VALUE_TEMPLATE": "value_template",
                    "CONF_FORCE_UPDATE": "force_update"}
        names = {**settings, "RestEntity": RestEntity, "ManualTriggerSensorEntity": Sensor, "ManualTriggerEntity": Sensor,
                 "BinarySensorEntity": type("BinarySensorEntity", (), {}), "ValueTemplate": Template,
                 "parse_json_attributes": util.parse_json_attributes}
        kinds = {"sensor": "RestSensor", "binary_sensor": "RestBinarySensor"}
        shown = {}
        for kind, name in kinds.items():
            of_kind = getattr(run_file(f"rest/{kind}.py", name, **names), name)
            [each] = config[kind]
            shown[kind] = of_kind(None, None, rest, each, {})
            shown[kind]._update_from_rest_data()  # pylint: disable=protected-access
        sensor = shown["sensor"]
        return sensor.state, sensor.extra_state_attributes, shown["binary_sensor"]._attr_is_on  # pylint: disable=protected-access

    def test_a_route_that_serves(self):
        state, attributes, can_answer = self.sensors()
        self.assertEqual((state, can_answer), ("serving", True))
        self.assertEqual((attributes["provider"], attributes["usable"], attributes["steps"]), ("local", 2, 2))
        self.assertIsNone(attributes["success_24h"])

    def test_a_route_that_is_served_by_a_later_step(self):
        self.ask("dynamic/n8n")
        state, attributes, can_answer = self.sensors()
        self.assertEqual((state, can_answer), ("degraded", True))
        self.assertEqual((attributes["provider"], attributes["model"], attributes["usable"]), ("other", "good", 1))
        self.assertTrue(attributes["last_error"])

    def test_a_route_that_is_down_is_no_sensor_that_is_unavailable(self):
        """The status is 503 then, and Home Assistant takes its JSON all the same."""
        self.ask("single")
        state, attributes, can_answer = self.sensors("single")
        self.assertEqual((state, can_answer), ("down", False))
        self.assertRegex(attributes["returns_at"], r"^20\d\d-.*Z$")
        self.assertTrue(attributes["last_error"])

    def test_a_setting_that_is_misspelled_is_seen(self):
        """The schema is the real one: else the other cases would show nothing."""
        wrong = {"rest": [{"resource": "http://h/health/r", "sensor": [{"json_attribute": ["x"]}]}]}
        with self.assertRaises(voluptuous.Invalid):
            schema()(wrong)


if __name__ == "__main__":
    main("aiohttp")
