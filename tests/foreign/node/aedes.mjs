// A broker of MQTT 3.1 and 3.1.1 over WebSockets and TLS: `node aedes.mjs PORT IDENTITY`, on loopback, until its end.
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { Aedes } from "aedes";
import { WebSocketServer, createWebSocketStream } from "ws";

const [port, identity] = process.argv.slice(2);
const pem = readFileSync(identity);
const broker = await Aedes.createBroker();
const server = createServer({ cert: pem, key: pem });
new WebSocketServer({ server, path: "/mqtt", handleProtocols: () => "mqtt" }).on("connection", (socket, request) => {
    broker.handle(createWebSocketStream(socket), request);
});
server.listen(Number(port), "127.0.0.1");
