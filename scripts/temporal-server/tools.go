//go:build tools

// Package tools pins the Temporal CLI, so that its build needs no network but the Go module proxy.
package tools

import _ "github.com/temporalio/cli/cmd/temporal"
