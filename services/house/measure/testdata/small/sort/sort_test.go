package sort

import "fmt"

func ExampleTop() {
	fmt.Println("top")
	// Output: top
}

func Example_notRun() { fmt.Println() }
