variable "name" {
  description = "Beginning of every name that is made."
  type        = string
  default     = "pitwire"
}

variable "region" {
  type = string
}

variable "vpc_id" {
  type = string
}

variable "subnet_id" {
  description = "Of both ENIs; clients that share its zone have the lowest latency."
  type        = string
}

variable "key_name" {
  description = "EC2 key pair for ssh."
  type        = string
}

variable "archive_url" {
  description = "Where the instance gets the .tar.gz of a release or checkout of Pitwire."
  type        = string
}

variable "admin_cidrs" {
  description = "Networks that may log in."
  type        = list(string)
}

variable "client_cidrs" {
  description = "Networks of the venue's clients, in both directions."
  type        = list(string)
}

variable "instance_type" {
  description = "A size with ENA and room for two ENIs; a .metal size has no hypervisor."
  type        = string
  default     = "c7i.4xlarge"
}

variable "core_count" {
  description = "Cores of that size (c7i.4xlarge: 8)."
  type        = number
  default     = 8
}

variable "ena_express" {
  description = "Several paths between instances in one zone; not every instance type has it."
  type        = bool
  default     = false
}
