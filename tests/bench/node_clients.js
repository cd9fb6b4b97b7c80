// Connects with one client of Node.js as often as the request on standard input asks for, one after the other, and
// writes the milliseconds from the client's start to each CONNACK to standard output, all JSON.
"use strict";
const fs = require("fs");
const { createRequire } = require("module");

// The SDK's client is told its region and static credentials; the others send a plain upgrade request.
function timeSdk(packages, request) {
    const { auth, iot, mqtt5 } = packages("aws-iot-device-sdk-v2");
    const builder = iot.AwsIotMqtt5ClientConfigBuilder.newWebsocketMqttBuilderWithSigv4Auth(request.host, {
        region: request.region,
        credentialsProvider: auth.AwsCredentialsProvider.newStatic(request.accessKeyId, request.secretAccessKey),
    });
    builder.withPort(request.port).withCertificateAuthorityFromPath(undefined, request.caFile);
    builder.withConnectProperties({ clientId: request.clientId, keepAliveIntervalSeconds: 1200 });
    const client = new mqtt5.Mqtt5Client(builder.build());
    return new Promise((resolve, reject) => {
        let connected = 0;
        client.on("connectionSuccess", () => { connected = performance.now(); client.stop(); });
        client.on("connectionFailure", (event) => reject(event.error));
        client.on("stopped", () => { client.close(); resolve(connected - started); });
        const started = performance.now();
        client.start();
    });
}

function timeMqttJs(packages, request) {
    const mqtt = packages("mqtt");
    const options = {
        ca: fs.readFileSync(request.caFile), clientId: request.clientId, protocolVersion: 5, reconnectPeriod: 0,
    };
    return new Promise((resolve, reject) => {
        const started = performance.now();
        const client = mqtt.connect(`wss://${request.host}:${request.port}/mqtt`, options);
        client.on("error", reject);
        client.on("connect", () => {
            const connected = performance.now();
            client.end(false, () => resolve(connected - started));
        });
    });
}

const TIMED = { "aws-iot-device-sdk-v2": timeSdk, mqtt: timeMqttJs };

async function main() {
    // The SDK warns on standard output.
    console.log = console.error;
    const request = JSON.parse(fs.readFileSync(0, "utf8"));
    const packages = createRequire(`${request.packages}/`);
    const timings = [];
    for (let number = 0; number < request.times; number++) {
        const clientId = `test-bare-${process.pid}-${number}`;
        timings.push(await TIMED[request.client](packages, { ...request, clientId }));
    }
    process.stdout.write(JSON.stringify(timings), () => process.exit(0));
}

main().catch((error) => { console.error(error); process.exit(1); });
