# The canary as its plain template says, and no more: what it consists of stands there alone.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0, < 7.0"
    }
  }
}

locals {
  directory = dirname(var.template)
  template  = jsondecode(file(var.template))
  # Parameter of the template => file of the code, for the architecture.
  code   = { for parameter, files in local.template.Metadata.IoTConnectCanary.Code : parameter => files[var.architecture] }
  values = merge(var.parameters, { Architecture = var.architecture })
  # The values become the parameters' defaults: CloudFormation hides what is NoEcho, and as parameters of the stack
  # such values would differ in every plan (github.com/hashicorp/terraform-provider-aws, issue 29405).
  body = jsonencode(merge(local.template, {
    Parameters = {
      for name, parameter in local.template.Parameters :
      name => merge(parameter, { for key, value in local.values : "Default" => value if key == name })
    }
  }))
}

data "aws_s3_bucket" "code" {
  bucket = var.code_bucket
}

# A key has the content's checksum, so other code is another key, which CloudFormation notices.
resource "aws_s3_object" "code" {
  for_each = local.code

  bucket = data.aws_s3_bucket.code.id
  key    = "${var.code_prefix}${filesha256("${local.directory}/${each.value}")}/${each.value}"
  source = "${local.directory}/${each.value}"

  lifecycle {
    # A rollback needs the code that was there before.
    create_before_destroy = true
  }
}

# With more than 51,200 bytes it must come from S3.
resource "aws_s3_object" "template" {
  bucket  = data.aws_s3_bucket.code.id
  key     = "${var.code_prefix}${sha256(local.body)}/${basename(var.template)}"
  content = local.body

  lifecycle {
    create_before_destroy = true
    precondition {
      condition     = length(setsubtract(keys(var.parameters), keys(local.template.Parameters))) == 0
      error_message = "The template has no such parameter: ${join(", ", setsubtract(keys(var.parameters), keys(local.template.Parameters)))}"
    }
  }
}

resource "aws_cloudformation_stack" "canary" {
  name         = var.name
  template_url = "https://${data.aws_s3_bucket.code.bucket_regional_domain_name}/${aws_s3_object.template.key}"
  capabilities = ["CAPABILITY_IAM"]
  tags         = var.tags

  parameters = merge(
    { CodeS3Bucket = data.aws_s3_bucket.code.id },
    { for parameter, object in aws_s3_object.code : parameter => object.key },
  )
}
