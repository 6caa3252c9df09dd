package command

import (
	"os"
	"testing"

	"github.com/hotpair/hotpair/services/operator/operatortest"
)

func TestMain(m *testing.M) { os.Exit(operatortest.Main(m)) }
