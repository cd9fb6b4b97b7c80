"""Whether a function's resource policy lets an AWS service invoke it."""

from infra.local.server import ministack_patches


def may_invoke(function_arn: str, *, service: str, source_arn: str, account_id: str, region: str) -> bool:
    """Return whether `service` may invoke a function on behalf of `source_arn`, which is of the same account."""
    with ministack_patches.REQUEST_SCOPE.original()(account_id, region):
        policies = ministack_patches.LAMBDA_POLICY.original()(function_arn)
    context = ministack_patches.EVALUATION_CONTEXT.original()(
        # A service is not a principal of the account: of AWS principals only "*" matches it.
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action="lambda:InvokeFunction",
        resource_arn=function_arn,
        region=region,
        service_context={"aws:sourcearn": source_arn, "aws:sourceaccount": account_id},
    )
    evaluate = ministack_patches.EVALUATE_RESOURCE_POLICY.original()
    return bool(policies) and evaluate(policies[0], context, service=service).decision == "Allow"
