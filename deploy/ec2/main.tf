# One instance with two ENIs for a venue: the first for people, the second for orders and market data (AF_XDP, or DPDK,
# which takes the whole ENI). In a cluster placement group; ENA Express where the instance type has it.
# Not applied by this project: no account was at hand. Formatted and parsed by `terraform fmt` only.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.70"
    }
  }
}

provider "aws" {
  region = var.region
}

data "aws_ami" "debian" {
  most_recent = true
  owners      = ["136693071363"] # Debian
  filter {
    name   = "name"
    values = ["debian-12-amd64-*"]
  }
}

# All members in one rack's reach; the lowest latency between instances that EC2 gives.
resource "aws_placement_group" "venue" {
  name     = "${var.name}-venue"
  strategy = "cluster"
}

resource "aws_security_group" "admin" {
  name_prefix = "${var.name}-admin-"
  vpc_id      = var.vpc_id

  ingress {
    description = "ssh"
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = var.admin_cidrs
  }
  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

# Everything from and to the clients' networks: such rules are not tracked, so that no frame waits for or is dropped by
# connection tracking (conntrack_allowance_exceeded).
resource "aws_security_group" "venue" {
  name_prefix = "${var.name}-venue-"
  vpc_id      = var.vpc_id

  ingress {
    description = "orders (UDP 26400) and recovery (TCP 26402)"
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = var.client_cidrs
  }
  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = var.client_cidrs
  }
}

resource "aws_launch_template" "venue" {
  name_prefix   = "${var.name}-"
  image_id      = data.aws_ami.debian.id
  instance_type = var.instance_type
  key_name      = var.key_name
  user_data     = base64encode(replace(file("${path.module}/cloud-init.yaml"), "ARCHIVE_URL", var.archive_url))

  # One thread a core: no neighbour on the loop's core. Not for .metal sizes, where the kernel does it (nosmt).
  dynamic "cpu_options" {
    for_each = endswith(var.instance_type, ".metal") || strcontains(var.instance_type, ".metal-") ? [] : [1]
    content {
      core_count       = var.core_count
      threads_per_core = 1
    }
  }

  placement {
    group_name = aws_placement_group.venue.name
  }

  network_interfaces {
    device_index    = 0
    subnet_id       = var.subnet_id
    security_groups = [aws_security_group.admin.id]
  }

  network_interfaces {
    description     = "orders and market data"
    device_index    = 1
    subnet_id       = var.subnet_id
    security_groups = [aws_security_group.venue.id]

    dynamic "ena_srd_specification" {
      for_each = var.ena_express ? [1] : []
      content {
        ena_srd_enabled = true
        ena_srd_udp_specification {
          ena_srd_udp_enabled = true
        }
      }
    }
  }

  metadata_options {
    http_endpoint = "enabled"
    http_tokens   = "required"
  }
}

resource "aws_instance" "venue" {
  launch_template {
    id      = aws_launch_template.venue.id
    version = aws_launch_template.venue.latest_version
  }
  tags = {
    Name = "${var.name}-venue"
  }
}
