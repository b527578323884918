// One call with one library: `node call.mjs LIBRARY WHAT BASE`, said as JSON: what came of it, and how long it took.
import { Buffer } from "node:buffer";

const [library, what, base] = process.argv.slice(2);
const { hostname, port } = new URL(base);
const asked = { model: "m", messages: [{ role: "user", content: "hi" }] };

async function all(pages) {
  const found = [];
  for await (const one of pages) found.push(one);
  return found;
}

const LIBRARIES = {
  async stripe() {
    const { default: Stripe } = await import("stripe");
    // takes no path in its base URL, so the upstream has a listener of its own
    const client = new Stripe("x", { host: hostname, port: Number(port), protocol: "http" });
    return {
      call: async () => (await client.customers.create({ email: "ada@example.com" })).email,
      pages: async () => (await all(client.customers.list({ limit: 2 }))).length,
      decline: () =>
        client.paymentIntents.create({
          amount: 100,
          currency: "eur",
          payment_method: "pm_card_chargeDeclined",
          confirm: true,
        }),
      limited: async () => (await client.customers.create({ description: `[[429 wait=1 id=${Date.now()}]]` })).object,
    };
  },
  async slack() {
    const { WebClient, LogLevel } = await import("@slack/web-api");
    const client = new WebClient("x", { slackApiUrl: `${base}/`, logLevel: LogLevel.ERROR });
    return {
      call: async () => (await client.chat.postMessage({ channel: "C0GENERAL", text: "hi" })).message.text,
      refused: () => client.chat.postMessage({ channel: "#nowhere", text: "hi" }),
      pages: async () => {
        const found = [];
        for await (const page of client.paginate("conversations.list", { limit: 2 })) found.push(...page.channels);
        return found.map((channel) => channel.id);
      },
      upload: async () => {
        await client.filesUploadV2({ channel_id: "C0GENERAL", filename: "r.txt", file: Buffer.from("all is well") });
        return (await client.conversations.history({ channel: "C0GENERAL" })).messages[0].files[0].name;
      },
      limited: async () =>
        (await client.chat.postMessage({ channel: "C0GENERAL", text: `[[429 wait=1 id=${Date.now()}]]` })).ok,
    };
  },
  async octokit() {
    const { Octokit } = await import("octokit");
    const client = new Octokit({ auth: "x", baseUrl: base, retry: { enabled: false }, log: { debug() {}, info() {}, warn() {}, error() {} } });
    return {
      call: async () => (await client.rest.repos.get({ owner: "octo", repo: "hello" })).data.full_name,
      pages: async () => (await client.paginate("GET /users")).map((user) => user.login),
      upload: async () => {
        const asset = { owner: "octo", repo: "hello", release_id: 1, name: "a.bin", data: Buffer.alloc(100_000, 7) };
        return (await client.rest.repos.uploadReleaseAsset({ ...asset, baseUrl: `${base}/~uploads` })).data.name;
      },
    };
  },
  async openai() {
    const { default: OpenAI, toFile } = await import("openai");
    const client = new OpenAI({ apiKey: "x", baseURL: base });
    return {
      call: async () => (await client.chat.completions.create(asked)).choices[0].message.content,
      stream: async () => {
        const chunks = await all(await client.chat.completions.create({ ...asked, stream: true }));
        return chunks.map((chunk) => chunk.choices[0].delta.content);
      },
      pages: async () => (await all(client.files.list())).map((file) => file.id),
      upload: async () => {
        const file = await toFile(Buffer.alloc(2_000_000, 7), "f.bin");
        return (await client.files.create({ file, purpose: "batch" })).id;
      },
    };
  },
};

const calls = await LIBRARIES[library]();
const began = performance.now();
const said = { value: null, error: null };
try {
  said.value = await calls[what]();
} catch (error) {
  const { name, status, statusCode, code, type, data } = error;
  said.error = { name: error.constructor?.name ?? name, status: status ?? statusCode ?? null, code: code ?? null, type: type ?? null, data: data ?? null };
}
said.seconds = (performance.now() - began) / 1000;
console.log(JSON.stringify(said));
process.exit(0);
