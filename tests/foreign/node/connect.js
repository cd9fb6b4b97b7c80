// Connects once for each case on standard input (JSON) with the AWS IoT Device SDK, as its samples do, and writes what
// became of each to standard output (JSON): null for a client that was accepted, else the SDK's error.
"use strict";
const { auth, iot, mqtt, mqtt5 } = require("aws-iot-device-sdk-v2");

const DEADLINE_MS = 30000;
// How long MQTT 3.1.1 waits for the CONNACK: a busy machine can be slower than the SDK's 3 s.
const CONNACK_MS = 20000;

// Of the two clients only one has a property for it.
const nameOf = (error) => (String(error).match(/AWS_[A-Z0-9_]+/) || [error.error_name || String(error)])[0];

const authorizerOf = (c) => c.authorizer && {
    authorizerName: c.authorizer.name,
    username: c.authorizer.username,
    password: c.authorizer.password && Buffer.from(c.authorizer.password, "base64"),
    tokenKeyName: c.authorizer.tokenKeyName,
    tokenValue: c.authorizer.tokenValue,
    tokenSignature: c.authorizer.tokenSignature,
};

const providerOf = (c) => c.staticKey
    ? auth.AwsCredentialsProvider.newStatic(c.staticKey.accessKeyId, c.staticKey.secretAccessKey)
    : auth.AwsCredentialsProvider.newDefault();

function client5(c) {
    const config = iot.AwsIotMqtt5ClientConfigBuilder;
    const builder = c.authorizer
        ? config.newWebsocketMqttBuilderWithCustomAuth(c.host, authorizerOf(c))
        : config.newWebsocketMqttBuilderWithSigv4Auth(c.host, { region: c.region, credentialsProvider: providerOf(c) });
    builder.withPort(c.port).withCertificateAuthorityFromPath(undefined, c.caFile);
    builder.withConnectProperties({ clientId: c.clientId, keepAliveIntervalSeconds: 60 });
    return new mqtt5.Mqtt5Client(builder.build());
}

function connect5(c) {
    return new Promise((resolve) => {
        const client = client5(c);
        let error = null;
        // The client connects again until it is stopped.
        client.on("connectionSuccess", () => client.stop());
        client.on("connectionFailure", (event) => { error = nameOf(event.error); client.stop(); });
        client.on("stopped", () => { client.close(); resolve(error); });
        client.start();
    });
}

function connection311(c) {
    // As in the SDK's sample for custom authorizers, the region alone makes the client sign its upgrade as well.
    const signs = !c.authorizer || c.signsToo;
    const builder = iot.AwsIotMqttConnectionConfigBuilder.new_with_websockets(
        signs ? { region: c.region, credentials_provider: providerOf(c) } : undefined);
    builder.with_endpoint(c.host).with_client_id(c.clientId).with_clean_session(true).with_ping_timeout_ms(CONNACK_MS);
    builder.with_certificate_authority_from_path(undefined, c.caFile);
    const a = authorizerOf(c);
    if (a) {
        builder.with_custom_authorizer(
            a.username || "", a.authorizerName, a.tokenSignature || "", a.password, a.tokenKeyName, a.tokenValue);
    }
    // A custom authorizer sets the port to 443.
    builder.with_port(c.port);
    return new mqtt.MqttClient().new_connection(builder.build());
}

async function connect311(c) {
    const connection = connection311(c);
    connection.on("error", () => {});
    try {
        await connection.connect();
        await connection.disconnect();
        return null;
    } catch (error) {
        return nameOf(error);
    }
}

function outcomeOf(c) {
    const late = new Promise((resolve) => setTimeout(resolve, DEADLINE_MS, "no result within 30 s").unref());
    return Promise.race([c.version === "5" ? connect5(c) : connect311(c), late]);
}

async function main() {
    // The SDK warns on standard output.
    console.log = console.error;
    let input = "";
    for await (const chunk of process.stdin) { input += chunk; }
    const outcomes = [];
    for (const c of JSON.parse(input)) { outcomes.push(await outcomeOf(c)); }
    process.stdout.write(JSON.stringify(outcomes), () => process.exit(0));
}

main();
