// Command schema-check answers, for each object of a JSON stream on standard input, whether a Kubernetes API server
// with the given CRDs and istiod's validating webhook would accept its creation.
//
//	schema-check CRDS.yaml...
//
// One line of JSON per object, in order: {"index":0,"ok":false,"errors":["…"]}. It ends with its input. It uses the
// API server's and Istio's own packages, so that their rules are never written down a second time.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// answer is what one object gets.
type answer struct {
	Index    int      `json:"index"`
	OK       bool     `json:"ok"` // no errors
	Errors   []string `json:"errors"`
	Warnings []string `json:"warnings"`
}

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "schema-check:", err)
		os.Exit(2)
	}
}

func run(files []string, in io.Reader, out io.Writer) error {
	if len(files) == 0 {
		return errors.New("no CRDs: schema-check CRDS.yaml...")
	}
	definitions, err := loadDefinitions(files)
	if err != nil {
		return err
	}
	objects, answers := json.NewDecoder(in), json.NewEncoder(out)
	for index := 0; ; index++ {
		var object json.RawMessage
		if err := objects.Decode(&object); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("object %d: %w", index, err)
		}
		errs, warnings := definitions.check(object)
		// Not buffered: whoever waits for the answer has not sent the next object yet.
		if err := answers.Encode(answer{index, len(errs) == 0, orEmpty(errs), orEmpty(warnings)}); err != nil {
			return err
		}
	}
}

// orEmpty makes a missing list an empty one, so that readers need not know null.
func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
