import fastify, { type FastifyInstance } from "fastify";
import { marked } from "marked";
import about from "../pages/about.md";
import { greeting } from "./greeting.js";
import { countWords } from "./word-count.js";

/** All that the application answers. */
export function createServer(): FastifyInstance {
  const server = fastify();
  let answered = 0;
  server.addHook("onResponse", async () => {
    answered += 1;
  });
  server.get("/", async () => ({
    message: greeting(process.env["GREETED"] ?? "world"),
    node: process.version,
    user: process.getuid?.(),
    about: await countWords(about),
    answered,
  }));
  server.get("/about", async (_request, reply) => reply.type("text/html").send(await marked(about)));
  server.get("/health", async () => ({ ok: true }));
  server.post<{ Body: string }>("/count", async (request) => countWords(request.body));
  return server;
}
