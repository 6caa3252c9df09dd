// Package query encodes requests of reading operations as query parameters, and decodes them.
package query

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// ErrQuery says that a query does not match its operation.
var ErrQuery = errors.New("the query")

// parameter is a field of a request as a query parameter.
type parameter struct {
	name  string
	field reflect.Value
}

// parameters are the fields of a request, by their JSON names.
func parameters(request reflect.Value) (list []parameter) {
	for i := range request.NumField() {
		name, _, _ := strings.Cut(request.Type().Field(i).Tag.Get("json"), ",")
		list = append(list, parameter{name, request.Field(i)})
	}
	return list
}

// Encode returns the parameters of a request, without empty fields.
func Encode(request any) string {
	values := url.Values{}
	for _, p := range parameters(reflect.ValueOf(request)) {
		if !p.field.IsZero() {
			values.Set(p.name, fmt.Sprint(p.field.Interface()))
		}
	}
	return values.Encode()
}

// Decode reads the parameters of a GET into a request; each must be known and given at most once. A request without
// fields ignores all parameters. The error is ErrQuery.
func Decode(query string, into any) error {
	known := parameters(reflect.ValueOf(into).Elem())
	if len(known) == 0 {
		return nil
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrQuery, err)
	}
	for name, given := range values {
		if len(given) != 1 {
			return fmt.Errorf("%w: %s is given %d times", ErrQuery, name, len(given))
		}
		i := slices.IndexFunc(known, func(p parameter) bool { return p.name == name })
		if i < 0 {
			var names []string
			for _, p := range known {
				names = append(names, p.name)
			}
			return fmt.Errorf("%w: there is no parameter %q; there are %s", ErrQuery, name, strings.Join(names, ", "))
		}
		if err := known[i].set(given[0]); err != nil {
			return err
		}
	}
	return nil
}

// set parses a parameter. Numbers are not negative.
func (p parameter) set(text string) error {
	if p.field.Kind() == reflect.String {
		p.field.SetString(text)
		return nil
	}
	if p.field.Kind() == reflect.Bool {
		if text != "true" && text != "false" {
			return fmt.Errorf("%w: %s=%q is neither true nor false", ErrQuery, p.name, text)
		}
		p.field.SetBool(text == "true")
		return nil
	}
	number, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return fmt.Errorf("%w: %s=%q is not a number", ErrQuery, p.name, text)
	}
	if p.field.CanUint() {
		p.field.SetUint(number)
	} else {
		p.field.SetInt(int64(number))
	}
	return nil
}
