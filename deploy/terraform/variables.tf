variable "template" {
  description = "Path of the plain template, iot-connect-canary-<version>.template.json; the zips stand beside it."
  type        = string
}

variable "code_bucket" {
  description = "Existing S3 bucket, in the provider's region, that the code and the template are uploaded to."
  type        = string
}

variable "code_prefix" {
  description = "Beginning of the keys in that bucket."
  type        = string
  default     = "iot-connect-canary/"
}

variable "name" {
  description = "Name of the CloudFormation stack, and of the canary unless the parameter Name says another."
  type        = string
  default     = "iot-connect-canary"
}

variable "architecture" {
  description = "Processor that the functions run on: arm64 or x86_64."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "The architecture is arm64 or x86_64."
  }
}

variable "parameters" {
  description = "Parameters of the template, as docs/reference.md lists them. Give secrets as references."
  type        = map(string)
  default     = {}
}

variable "tags" {
  description = "Tags of the stack, which CloudFormation passes on to its resources."
  type        = map(string)
  default     = {}
}
