"""What all cases share: a gateway, its provider, and a client of it."""

import sys
import unittest

import openai

from gateway import CONFIG, KEY, Gateway
from provider import Provider


class Case(unittest.TestCase):
    config = CONFIG

    @classmethod
    def setUpClass(cls):
        cls.provider = Provider()
        cls.gateway = Gateway(sys.argv[1], cls.provider.url, cls.config)

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.provider.shutdown()
        cls.provider.server_close()

    def setUp(self):
        self.client = self.client_with(KEY)
        self.provider.requests.clear()

    def client_with(self, key):
        client = openai.OpenAI(base_url=self.gateway.url, api_key=key, max_retries=0, timeout=10)
        self.addCleanup(client.close)
        return client
