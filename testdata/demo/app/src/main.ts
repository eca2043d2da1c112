/** Starts the server, and stops it when it is told to. */
import { createServer } from "./server.js";

const port = Number(process.env["PORT"] ?? 8080);
const server = createServer();

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    void server.close().then(() => process.exit(0));
  });
}

const address = await server.listen({ host: "0.0.0.0", port });
console.log(`listening on ${address}`);
