"""A CDK app with one canary: `python cdk_app.py CONSTRUCT_DIRECTORY TEMPLATE ARCHITECTURE OUTPUT`."""

import sys

import aws_cdk

construct_directory, template, architecture, output = sys.argv[1:]
sys.path.insert(0, construct_directory)
from iot_connect_canary_cdk import IoTConnectCanary  # noqa: E402 - after its place is known

app = aws_cdk.App(outdir=output)
stack = aws_cdk.Stack(app, "Canary")
parameters = {"Name": "prod", "EveryMinutes": "5"}
canary = IoTConnectCanary(stack, "Canary", template=template, architecture=architecture, parameters=parameters)
topic = canary.template.get_resource("PageTopic")
aws_cdk.CfnOutput(stack, "OwnSubscription", value=topic.ref)
app.synth()
