"""Say how bad each finding of the Terraform review is, what comes of it and what to change."""

from agent.lint import Rule

RULES: dict[str, Rule] = {
    "syntax-error": Rule("error", "Terraform refuses the file.", "Correct the line, then run terraform validate."),
    "destroys-data": Rule(
        "error",
        "What it holds is gone when this plan is applied.",
        "Make a backup first; guard it with prevent_destroy; use moved or state mv if it was renamed.",
    ),
    "destroys-resource": Rule(
        "warning",
        "It is removed when this plan is applied.",
        "Check that nothing needs it; if it was renamed, add a moved block.",
    ),
    "replaces-resource": Rule(
        "warning",
        "It is destroyed and made again: it is away in between, and gets new ids and addresses.",
        "Undo the change of the attribute that forces it, or set create_before_destroy if it can exist twice.",
    ),
    "open-to-world": Rule(
        "error",
        "Everyone on the internet can try to log in there, and scanners find it within minutes.",
        "Allow your own networks only, or go through a VPN, a bastion host or Session Manager.",
    ),
    "public-bucket": Rule(
        "error",
        "Everyone on the internet can read what is stored there.",
        "Keep it private and block public access; serve files through a CDN.",
    ),
    "public-database": Rule(
        "error",
        "The database has an address on the internet; one weak password is enough.",
        "Keep it in private subnets and set this to false.",
    ),
    "hard-coded-secret": Rule(
        "error",
        "It is in the repository, in the plan and in the state, readable for everyone who has one of them.",
        "Replace the secret, read it from a secret store or an ephemeral variable, and mark variables as sensitive.",
    ),
    "wildcard-iam": Rule(
        "error", "Whoever has it may do everything in the account.", "List the actions and resources that are needed."
    ),
    "broad-iam": Rule(
        "warning",
        "It allows every action of a service on everything.",
        "List the actions and resources that are needed.",
    ),
    "public-policy": Rule(
        "warning",
        "Everyone, also from other accounts, may use it.",
        "Name the accounts or roles as principals, or add a condition.",
    ),
    "rights-for-everyone": Rule(
        "error", "Anyone on the internet who has an account may use these rights.", "Name the accounts or people."
    ),
    "owner-rights": Rule(
        "warning",
        "Whoever has it may do everything, and give rights to others.",
        "Give a role with the rights that are needed, on the smallest scope.",
    ),
    "public-control-plane": Rule(
        "warning",
        "Everyone can try to log in to the cluster, and a flaw of its API is open to all.",
        "List your own networks in public_access_cidrs, or set endpoint_public_access = false.",
    ),
    "open-network-acl": Rule(
        "warning",
        "The network ACL stops nothing, so that security groups alone protect.",
        "Allow the ports in use only.",
    ),
    "same-address": Rule(
        "warning", "Terraform refuses a module that has two of one name.", "Rename or remove one of the two."
    ),
    "fragment": Rule(
        "info",
        "What the rest of its resource says, and what would belong beside it, was not looked at.",
        "Give the whole resource for a full review.",
    ),
    "not-encrypted": Rule(
        "warning",
        "Whoever gets at the disk or a snapshot can read it; changing it later means making it again.",
        "Set it to true.",
    ),
    "no-final-snapshot": Rule(
        "warning",
        "Destroying it leaves no copy of the data.",
        "Set skip_final_snapshot = false and final_snapshot_identifier.",
    ),
    "no-deletion-protection": Rule(
        "warning", "One wrong plan deletes the database.", "Set deletion_protection = true."
    ),
    "force-destroy": Rule(
        "warning", "Destroying it deletes everything that is stored in it, without asking.", "Remove force_destroy."
    ),
    "imdsv1": Rule(
        "warning",
        "A forged request of a web application can read the machine's credentials.",
        'Add metadata_options { http_tokens = "required" }.',
    ),
    "ami-of-strangers": Rule(
        "warning",
        "Anyone can publish an image of that name, and the newest is taken.",
        'Set owners, such as ["099720109477"] for Ubuntu or ["amazon"].',
    ),
    "ami-not-filtered": Rule(
        "warning",
        "Any image of this owner may be taken, also of another system.",
        "Add filters for name and architecture.",
    ),
    "provisioner": Rule(
        "warning",
        "It runs outside of the plan, its results are not in the state, and a failure leaves the resource tainted.",
        "Use user_data, an image that is built before, or a configuration tool.",
    ),
    "ignores-all-changes": Rule(
        "warning", "Terraform never updates it again, whatever the code says.", "List the attributes to ignore."
    ),
    "module-without-version": Rule(
        "warning",
        "The next init may fetch another version, with other resources.",
        'Set version = "~> x.y", or ?ref=tag for a source in git.',
    ),
    "provider-without-version": Rule(
        "warning",
        "The next init may fetch a new major version that changes or removes arguments.",
        'List it under required_providers with version = "~> x.y".',
    ),
    "local-backend": Rule(
        "warning",
        "The state, with secrets in clear, lies on one machine, and nothing locks it.",
        "Use a remote backend with encryption and locking, such as s3 with use_lockfile = true.",
    ),
    "state-not-encrypted": Rule("warning", "The state holds secrets in clear.", "Set encrypt = true."),
    "plain-http": Rule("warning", "Anyone on the way can read and change it.", "Use https."),
    "deprecated": Rule(
        "warning", "A later version of the provider refuses it.", "Use what replaces it, as the message says."
    ),
    "public-address": Rule(
        "info",
        "It can be reached from the internet, as far as its firewall lets through.",
        "Leave it out if not needed.",
    ),
    "no-prevent-destroy": Rule(
        "info",
        "A change that forces a replacement deletes the data, if nobody reads the plan.",
        "Add lifecycle { prevent_destroy = true }.",
    ),
    "no-required-version": Rule(
        "info",
        "Another version of Terraform may read it differently.",
        'Set required_version = "~> 1.x" in terraform {}.',
    ),
    "no-state-lock": Rule(
        "info", "Two runs at once may damage the state.", "Set use_lockfile = true in the s3 backend."
    ),
    "external-data": Rule(
        "info",
        "The plan depends on what a server answers at that moment.",
        "Pin what is read, or put it into a variable.",
    ),
    "no-description": Rule("info", "Nobody knows later what it is for.", "Add description."),
    "count-over-list": Rule(
        "info",
        "Removing an item from the middle of the list moves all after it, so that they are destroyed and made again.",
        "Use for_each with a set or map.",
    ),
    "old-interpolation": Rule(
        "info", "This form is of old versions of Terraform.", "Write the expression without quotes."
    ),
    "no-key-rotation": Rule("info", "The same key is used for ever.", "Set enable_key_rotation = true."),
}
