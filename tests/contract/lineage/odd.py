"""What no store may stumble over."""

ODD = "it's \"q\" \\n \\' % $1 ${x} ; -- \x01 ü 日本 😀"
