// Package flux pins the Go types of Flux's resources: their CustomResourceDefinitions are generated from these, by the
// tool that Flux itself uses.
package flux

import (
	_ "github.com/fluxcd/kustomize-controller/api/v1"
	_ "github.com/fluxcd/source-controller/api/v1"
)
