output "instance_id" {
  value = aws_instance.venue.id
}

output "admin_address" {
  value = aws_instance.venue.private_ip
}
