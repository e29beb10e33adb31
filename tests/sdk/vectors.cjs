// Prints the vectors that openai for Node reads: node vectors.cjs FOLDER_OF_THE_PACKAGE BASE_URL KEY
const { createRequire } = require("node:module");

const [folder, baseURL, apiKey] = process.argv.slice(2);
const { OpenAI } = createRequire(`${folder}/`)("openai");

async function main() {
  const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
  const answer = await client.embeddings.create({ model: "floats", input: ["Hello", "World"] });
  console.log(JSON.stringify(answer.data.map((item) => Array.from(item.embedding))));
}

main();
