"""What cases of translation share: a gateway whose only provider that lives speaks strict chat."""

import sys
import unittest

from gateway import TRANSLATED, Gateway
from strict_chat import Provider

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}


class TranslatedCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.provider = Provider()
        cls.gateway = Gateway(sys.argv[1], cls.provider.url, TRANSLATED)

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.provider.shutdown()
        cls.provider.server_close()

    def setUp(self):
        self.provider.requests.clear()
        self.provider.faults.clear()
        self.addCleanup(lambda: self.assertEqual(self.provider.faults, [], "the strict provider refuses"))
