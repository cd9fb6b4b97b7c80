output "outputs" {
  description = "The outputs of the template by name, as FunctionName or PageTopicArn."
  value       = aws_cloudformation_stack.canary.outputs
}

output "stack_id" {
  description = "The stack's ARN."
  value       = aws_cloudformation_stack.canary.id
}
