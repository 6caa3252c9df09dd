// Package ledger is the business process that keeps accounts and moves amounts between them.
//
// It shows what a business process does when several keys belong together: a transfer changes two accounts in one
// update or not at all, and the total is of one moment although it takes many reads.
//
//	open     {account, balance}    → {account, balance}, 409 when it exists
//	transfer {from, to, amount}    → {from: {balance}, to: {balance}}, 404, 409 overdraft
//	balance  {account}             → {account, balance}, 404
//	total    {}                    → {total, accounts}
//
// Amounts and balances are integers of the smallest unit (cents, say), 64 bits wide; the total is exact beyond that.
// An account is text of 1 to MaxAccount bytes. Accounts are never closed, which total relies on.
package ledger

import (
	"context"
	"math"
	"math/big"
	"strconv"

	"github.com/hotpair/hotpair/services/business"
)

// Name of the service.
const Name = "ledger"

// MaxAccount bounds the name of an account in bytes.
const MaxAccount = 256

// accounts is the prefix of the keys of accounts; the rest of the key is the name, the value the balance in decimal.
const accounts = "account/"

// Service returns the service for business.Run.
func Service() business.Service {
	return business.Service{
		Name:        Name,
		Version:     "1.0.0",
		Description: "keeps accounts and moves amounts between them",
		Operations: map[string]business.Operation{
			"open":     {Handler: business.Handle(open)},
			"transfer": {Handler: business.Handle(transfer)},
			"balance":  {Handler: business.Handle(balance), ReadOnly: true},
			"total":    {Handler: business.Handle(total), ReadOnly: true},
		},
	}
}

// Open asks for a new account with an initial Balance, not below 0.
type Open struct {
	Account string `json:"account"`
	Balance int64  `json:"balance"`
}

// Account answers Open and AskBalance.
type Account struct {
	Account string `json:"account"`
	Balance int64  `json:"balance"`
}

// Transfer asks to move an amount above 0 between two accounts.
type Transfer struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Amount int64  `json:"amount"`
}

// Transferred answers Transfer.
type Transferred struct {
	From Balance `json:"from"`
	To   Balance `json:"to"`
}

// Balance is the present balance of an account.
type Balance struct {
	Balance int64 `json:"balance"`
}

// AskBalance asks for the balance of an account.
type AskBalance struct {
	Account string `json:"account"`
}

// AskTotal asks for the sum of all balances.
type AskTotal struct{}

// Total answers it: all accounts at one committed position.
type Total struct {
	Total    *big.Int `json:"total"`
	Accounts int      `json:"accounts"`
}

func open(_ context.Context, tx *business.Tx, in Open) (any, error) {
	if err := checkAccount("account", in.Account); err != nil {
		return nil, err
	}
	if in.Balance < 0 {
		return nil, business.Malformed("field \"balance\" is %d; want 0 or more", in.Balance)
	}
	if tx.Run() > 1 {
		item, err := tx.Get(accounts + in.Account)
		if err != nil {
			return nil, err
		}
		if item.Found {
			return nil, business.Conflict("account %q exists", in.Account)
		}
	}
	tx.RequireRevision(accounts+in.Account, 0)
	tx.Put(accounts+in.Account, encode(in.Balance))
	return Account(in), nil
}

func transfer(_ context.Context, tx *business.Tx, in Transfer) (any, error) {
	if err := checkAccount("from", in.From); err != nil {
		return nil, err
	}
	if err := checkAccount("to", in.To); err != nil {
		return nil, err
	}
	switch {
	case in.Amount <= 0:
		return nil, business.Malformed("field \"amount\" is %d; want 1 or more", in.Amount)
	case in.From == in.To:
		return nil, business.Malformed("fields \"from\" and \"to\" name the same account")
	}
	items, err := tx.GetMany(accounts+in.From, accounts+in.To)
	if err != nil {
		return nil, err
	}
	from, err := decode(in.From, items[0])
	if err != nil {
		return nil, err
	}
	to, err := decode(in.To, items[1])
	if err != nil {
		return nil, err
	}
	switch {
	case from < in.Amount:
		return nil, business.Conflict("account %q holds %d, less than %d", in.From, from, in.Amount)
	case to > math.MaxInt64-in.Amount:
		return nil, business.Conflict("account %q can't hold %d more", in.To, in.Amount)
	}
	from, to = from-in.Amount, to+in.Amount
	tx.Put(accounts+in.From, encode(from))
	tx.Put(accounts+in.To, encode(to))
	return Transferred{From: Balance{from}, To: Balance{to}}, nil
}

func balance(_ context.Context, tx *business.Tx, in AskBalance) (any, error) {
	if err := checkAccount("account", in.Account); err != nil {
		return nil, err
	}
	item, err := tx.Get(accounts + in.Account)
	if err != nil {
		return nil, err
	}
	held, err := decode(in.Account, item)
	if err != nil {
		return nil, err
	}
	return Account{in.Account, held}, nil
}

// total adds up page by page. The pages are of one position, because accounts are never deleted (Tx.ScanKept).
func total(_ context.Context, tx *business.Tx, _ AskTotal) (any, error) {
	sum := Total{Total: new(big.Int)}
	after, more := "", true
	for more {
		var page []business.Item
		var err error
		if page, more, err = tx.ScanKept(accounts, after, 0); err != nil {
			return nil, err
		}
		for _, item := range page {
			held, err := decode(item.Key, item)
			if err != nil {
				return nil, err
			}
			sum.Total.Add(sum.Total, big.NewInt(held))
			after = item.Key
		}
		sum.Accounts += len(page)
		more = more && len(page) > 0
	}
	return sum, nil
}

func encode(balance int64) []byte { return strconv.AppendInt(nil, balance, 10) }

// decode reads a balance; an absent account is a 404.
func decode(account string, item business.Item) (int64, error) {
	if !item.Found {
		return 0, business.NotFound("account %q is absent", account)
	}
	return strconv.ParseInt(string(item.Value), 10, 64)
}

func checkAccount(field, name string) error {
	switch {
	case name == "":
		return business.Malformed("field %q is missing or empty", field)
	case len(name) > MaxAccount:
		return business.Malformed("field %q has %d bytes, at most %d are allowed", field, len(name), MaxAccount)
	}
	return nil
}
