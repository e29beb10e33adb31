"""Embeddings, rankings and verdicts, as the packages openai, langchain-openai and cohere ask for them, and openai for Node.

Run by run.sh with the path of the binary and, where there is Node, the folder in which openai was installed for it."""

import json
import pathlib
import subprocess
import sys
import unittest

import cohere
import openai
from langchain_openai import OpenAIEmbeddings

from gateway import KEY, Gateway
from vector_provider import VectorProvider, vector

CONFIG = """\
listen: 127.0.0.1:0
api_key: {key}
default_routes: {{moderations: verdicts}}
providers:
  - {{name: local, base_url: "{url}", api_key: sdk-provider-key-1234}}
routes:
  - {{name: floats, steps: [{{provider: local, model: floats}}]}}
  - {{name: base64, steps: [{{provider: local, model: base64}}]}}
  - name: fallback
    dimensions: 4
    steps: [{{provider: local, model: short, space: x}}, {{provider: local, model: base64, space: x}}]
  - {{name: parts, steps: [{{provider: local, model: floats, max_inputs: 32}}]}}
  - {{name: ranks, steps: [{{provider: local, model: ranks}}]}}
  - {{name: verdicts, steps: [{{provider: local, model: verdicts}}]}}
"""


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.provider = VectorProvider()
        cls.gateway = Gateway(sys.argv[1], cls.provider.url, CONFIG)

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.provider.shutdown()
        cls.provider.server_close()

    def setUp(self):
        self.provider.requests.clear()
        self.client = openai.OpenAI(base_url=self.gateway.url, api_key=KEY, max_retries=0, timeout=10)
        self.addCleanup(self.client.close)

    def embed(self, model, texts, **more):
        return self.client.embeddings.create(model=model, input=texts, **more)


class Embeddings(Case):
    def test_a_text_and_a_list(self):
        for texts in ["Hello", ["Hello"], ["Hello", "World", ""]]:
            with self.subTest(texts=texts):
                answer = self.embed("floats", texts)
                expected = [texts] if isinstance(texts, str) else texts
                self.assertEqual([list(item.embedding) for item in answer.data], [vector(text) for text in expected])
                self.assertEqual([item.index for item in answer.data], list(range(len(expected))))
                self.assertEqual((answer.model, answer.object), ("floats", "list"))
                self.assertEqual(answer.usage.prompt_tokens, len(expected))

    def test_the_default_encoding_of_a_provider_of_floats(self):
        """The package asks for base64 unasked."""
        answer = self.embed("floats", "Hello")
        self.assertEqual(list(answer.data[0].embedding), vector("Hello"))
        self.assertEqual(self.provider.requests[0]["encoding_format"], "base64")

    def test_floats_of_a_provider_of_base64(self):
        raw = self.client.embeddings.with_raw_response.create(model="base64", input="Hello", encoding_format="float")
        self.assertIsInstance(json.loads(raw.text if isinstance(raw.text, str) else raw.text())["data"][0]["embedding"], list)
        values = raw.parse().data[0].embedding
        self.assertEqual(len(values), 4)
        for value, expected in zip(values, vector("Hello")):
            self.assertAlmostEqual(value, expected, delta=abs(expected) * 1e-7)

    def test_token_ids_of_another_vocabulary(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            self.embed("floats", [[1, 2, 3]])
        self.assertEqual(caught.exception.param, "input")
        self.assertIn("check_embedding_ctx_length=False", str(caught.exception))
        self.assertEqual(self.provider.requests, [])

    def test_a_vector_of_a_wrong_length(self):
        answer = self.embed("fallback", "Hello")
        self.assertEqual(list(answer.data[0].embedding), vector("Hello"))
        steps = answer.model_extra["routing_summary"]["steps"]
        self.assertEqual([step["success"] for step in steps], [False, True])


class LangChain(Case):
    def test_a_hundred_texts_in_four_calls(self):
        embeddings = OpenAIEmbeddings(
            base_url=self.gateway.url, api_key=KEY, model="parts", check_embedding_ctx_length=False, max_retries=0
        )
        texts = [f"text {'x' * n}" for n in range(100)]
        self.assertEqual([list(found) for found in embeddings.embed_documents(texts)], [vector(text) for text in texts])
        self.assertEqual([len(request["input"]) for request in self.provider.requests], [32, 32, 32, 4])
        self.assertEqual(list(embeddings.embed_query("Hello")), vector("Hello"))


class Cohere(Case):
    def test_rerank(self):
        client = cohere.ClientV2(api_key=KEY, base_url=self.gateway.url.removesuffix("/v1"))
        answer = client.rerank(model="ranks", query="q", documents=["a", "b", "c"], top_n=2)
        self.assertEqual([result.index for result in answer.results], [2, 1])
        self.assertEqual(answer.results[0].relevance_score, 0.3)


class Moderations(Case):
    def test_without_a_model(self):
        answer = self.client.moderations.create(input="x")
        self.assertTrue(answer.results[0].flagged)
        self.assertTrue(answer.results[0].categories.violence)
        self.assertEqual(answer.model, "verdicts")


class Node(Case):
    def test_the_default_encoding_of_a_provider_of_floats(self):
        """Without the gateway the package reads an array of floats as bytes, all wrong, without an error."""
        if len(sys.argv) < 3:
            self.skipTest("no Node")
        script = pathlib.Path(__file__).with_name("vectors.cjs")
        command = ["node", str(script), sys.argv[2], self.gateway.url, KEY]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertEqual(json.loads(ended.stdout), [vector("Hello"), vector("World")])


if __name__ == "__main__":
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(verbosity=0).run(suite)
    failed = len({test.id().split(" ")[0] for test, _ in result.failures + result.errors})
    print(f"vectors: {result.testsRun - failed} passed, {failed} failed")
    sys.exit(bool(failed) or not result.testsRun)
